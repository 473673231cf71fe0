// What a program points to is copied, then looked at.
// refused: indirection requires pointer operand
#include "kernel/user_memory.hpp"

using namespace quarry;

Result<abi::Frame> look(UserIn<abi::Frame> frame) {
#ifdef MISUSE
    return *frame;
#else
    return frame.read();
#endif
}
