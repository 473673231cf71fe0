// The direction is in the type.
// refused: no member named 'write'
#include "kernel/user_memory.hpp"

using namespace quarry;

Result<void> answer(UserIn<abi::EnvStatus> in, UserOut<abi::EnvStatus> const& out) {
    (void)in.read();
#ifdef MISUSE
    return in.write({});
#else
    return out.write({});
#endif
}
