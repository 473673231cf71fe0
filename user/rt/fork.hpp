// A copy of the running program: its memory is copied page by page, when one of the two first writes
// to it. Made from the page calls alone.
#pragma once

#include "user/rt/spawn.hpp"

#include <optional>

namespace quarry {

// Pages with this tag stay shared between parent and child.
inline constexpr auto shared_page = abi::permission::tag(2);
// The library's own mark of a page that is to be copied at the next write.
inline constexpr auto copy_on_write = abi::permission::tag(4);

// The child, which shares this space's account; in the child itself nothing. Only the calling thread
// is in the child: other threads' stacks are copied with the rest of memory, and nobody runs on them.
// Not from an upcall's handler (bad_argument). Costs what is mapped, not what could be.
// Pages lent to the parent are not in the child.
Result<std::optional<Child>> fork();

}  // namespace quarry
