// A constant that is writable and executable does not compile.
// refused: a_page_cannot_be_writable_and_executable|not a constant expression
#include "kernel/page_perms.hpp"

using namespace quarry;

#ifdef MISUSE
constexpr auto perms = PagePerms::of(abi::permission::write | abi::permission::execute);
#else
constexpr auto perms = PagePerms::of(abi::permission::write | abi::permission::may_execute);
#endif
static_assert(perms.write());
