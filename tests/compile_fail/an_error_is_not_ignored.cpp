// A Result must be looked at.
// refused: ignoring return value|nodiscard
#include "kernel/page_ops.hpp"

using namespace quarry;

Result<void> use(Mapped space, PageSpan span) {
#ifdef MISUSE
    page_unmap(space, span);
    return {};
#else
    TRY(page_unmap(space, span));
    return {};
#endif
}
