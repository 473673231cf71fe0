// An integer becomes an address only by saying so.
// refused: could not convert|no viable conversion|cannot convert
#include "base/address.hpp"

using namespace quarry;

#ifdef MISUSE
UserAddr const address = 0x1000;
#else
UserAddr const address{0x1000};
#endif
