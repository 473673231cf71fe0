// What was checked is what is used: a program's value is copied once.
// refused: invalid invocation of method 'read' on object 'frame' while it is in the 'consumed' state
#include "kernel/user_memory.hpp"

using namespace quarry;

Result<std::uint64_t> look(UserIn<abi::Frame> frame) {
    auto const once = TRY(frame.read());
#ifdef MISUSE
    auto const twice = TRY(frame.read());
    return once.rip + twice.rip;
#else
    return once.rip;
#endif
}
