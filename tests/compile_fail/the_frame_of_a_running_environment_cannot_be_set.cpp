// Only a StoppedEnvRef lets registers be set.
// refused: no viable conversion|no matching function
#include "kernel/decode.hpp"

using namespace quarry;

Result<void> set(StoppedEnvRef target, abi::Frame const& frame) {
    return target.environment().saved.set(frame);
}

Result<void> use(EnvRef env, abi::Frame const& frame) {
#ifdef MISUSE
    return set(env, frame);
#else
    return set(TRY(env.stopped()), frame);
#endif
}
