// A SpaceRef exists only where the right was looked up.
// refused: calling a (private|protected) constructor|no matching conversion
#include "kernel/decode.hpp"

using namespace quarry;

Result<SpaceRef> target(Caller const& caller, Space& space) {
#ifdef MISUSE
    return SpaceRef{space, HeldLock{}};
#else
    return SpaceRef::parse(caller, space.id.value, nullptr);
#endif
}
