// What a processor does while it waits for another one, and the word that it waits for.
#pragma once

#include <cstdint>

namespace quarry::machine {

// Pauses and answers what other processors ask for meanwhile (TLB shootdowns).
void spin_pause();

// At random lets others go first, on a processor that does so (ProcessorState::dawdles).
void dawdle();

// Sets a word that is 0 or 1 to 1; true if it was 0.
inline bool take(std::uint16_t& word) {
    dawdle();
    bool const is_first = __atomic_exchange_n(&word, 1, __ATOMIC_ACQUIRE) == 0;
    dawdle();
    return is_first;
}
inline void release(std::uint16_t& word) {
    __atomic_store_n(&word, 0, __ATOMIC_RELEASE);
    dawdle();
}

}  // namespace quarry::machine
