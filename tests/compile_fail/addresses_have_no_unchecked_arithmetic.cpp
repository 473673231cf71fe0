// Adding to an address says what overflow does.
// refused: invalid operands to binary expression
#include "base/address.hpp"

using namespace quarry;

Result<UserAddr> next(UserAddr address) {
#ifdef MISUSE
    return address + 4096;
#else
    return address.checked_add(4096);
#endif
}
