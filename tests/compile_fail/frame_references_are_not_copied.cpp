// A second reference to a frame is taken by share(), visibly.
// refused: call to deleted constructor|implicitly deleted|deleted
#include "kernel/frames.hpp"

using namespace quarry;

FrameRef second(FrameRef const& first) {
#ifdef MISUSE
    return first;
#else
    return first.share();
#endif
}
