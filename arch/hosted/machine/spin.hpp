// What a processor does while it waits for another one, and the word that it waits for.
#pragma once

#include <cstdint>

namespace quarry::machine {

// Pauses and answers what other processors ask for meanwhile (TLB shootdowns).
void spin_pause();

// Sets a word that is 0 or 1 to 1; true if it was 0.
inline bool take(std::uint16_t& word) {
    return __atomic_exchange_n(&word, 1, __ATOMIC_ACQUIRE) == 0;
}

}  // namespace quarry::machine
