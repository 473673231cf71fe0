// What a processor does while it waits for another one.
#pragma once

namespace quarry::machine {

// Pauses and answers what other processors ask for meanwhile (TLB shootdowns).
void spin_pause();

}  // namespace quarry::machine
