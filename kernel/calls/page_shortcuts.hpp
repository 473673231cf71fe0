// Short ways through the page calls for what programs do most: pages of the caller's own space,
// within one 2 MiB region whose table exists, while no other processor uses the space. Each looks
// first and either does the whole call, or changes nothing and hands the call on to the general way
// (kernel/page_ops.cpp). So a shortcut never says what is an error.
#pragma once

#include "abi/calls.hpp"
#include "kernel/dispatch.hpp"

namespace quarry {

// What the call table holds for these calls.
Word page_alloc_shortcut(Word, Word, Word, Word, Word, Word);
Word page_map_shortcut(Word, Word, Word, Word, Word, Word);
Word page_move_shortcut(Word, Word, Word, Word, Word, Word);
Word page_protect_shortcut(Word, Word, Word, Word, Word, Word);
Word page_share_shortcut(Word, Word, Word, Word, Word, Word);
Word page_unmap_shortcut(Word, Word, Word, Word, Word, Word);

template <>
inline constexpr CallEntry shortcut<abi::PageAlloc> = &page_alloc_shortcut;
template <>
inline constexpr CallEntry shortcut<abi::PageMap> = &page_map_shortcut;
template <>
inline constexpr CallEntry shortcut<abi::PageMove> = &page_move_shortcut;
template <>
inline constexpr CallEntry shortcut<abi::PageProtect> = &page_protect_shortcut;
template <>
inline constexpr CallEntry shortcut<abi::PageShare> = &page_share_shortcut;
template <>
inline constexpr CallEntry shortcut<abi::PageUnmap> = &page_unmap_shortcut;

}  // namespace quarry
