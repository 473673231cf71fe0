// What a processor does while it waits for another one, and the word that it waits for.
#pragma once

#include <cstdint>

namespace quarry::machine {

// Pauses and answers what other processors ask for meanwhile (TLB shootdowns).
void spin_pause();

// Sets a word that is 0 or 1 to 1; true if it was 0. The carry flag says who was first, so that this
// is two instructions, where an exchange takes four; compilers do not find that everywhere.
[[gnu::always_inline]] inline bool take(std::uint16_t& word) {
    bool was_taken = false;
    asm volatile("lock btsw $0, %1" : "=@ccc"(was_taken), "+m"(word) : : "memory");
    return !was_taken;
}
inline void release(std::uint16_t& word) { __atomic_store_n(&word, 0, __ATOMIC_RELEASE); }

}  // namespace quarry::machine
