// Text and arguments match, checked by the compiler.
// refused: not a constant expression
#include "base/format.hpp"

using namespace quarry;

void say(TextSink sink) {
#ifdef MISUSE
    format_to(sink, "{} and {}\n", 1);
#else
    format_to(sink, "{} and {}\n", 1, 2);
#endif
}
