// Permissions are parsed or constant, never made from bits.
// refused: calling a private constructor|no matching
#include "kernel/page_perms.hpp"

using namespace quarry;

Result<PagePerms> make(std::uint64_t bits) {
#ifdef MISUSE
    return PagePerms(bits);
#else
    return PagePerms::parse(bits);
#endif
}
