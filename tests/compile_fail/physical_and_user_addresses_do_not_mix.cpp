// A physical address is no user address.
// refused: no matching|no viable|cannot convert|invalid operands
#include "base/address.hpp"

using namespace quarry;

bool same(UserAddr a, UserAddr b) { return a == b; }

bool use(UserAddr user, PhysAddr phys) {
#ifdef MISUSE
    return same(user, phys);
#else
    return same(user, user) && phys == phys;
#endif
}
