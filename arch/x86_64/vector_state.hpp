// Floating-point and vector registers. An environment has none until it first uses one (#NM); from
// then on they are saved and restored at every switch, never lazily: lazy state leaks.
#pragma once

#include "kernel/environment.hpp"

namespace quarry::x86 {

// Chooses what XSAVE saves: all the processor has, if it fits a page. Once, at boot.
void initialise_vector_state();

// First use: allocates and charges an area, or ends the environment if that cannot be.
void give_vector_state(Environment& environment);

void save_vector_state(Environment& environment);
void restore_vector_state(Environment& environment);

}  // namespace quarry::x86
