// Waiting on words of the program's memory, over word_wait and word_wake.
#pragma once

#include <array>
#include <cstdint>

namespace quarry::libos {

std::int64_t serve_futex(std::array<std::uint64_t, 6> const& arguments);

// Wakes at most `count` that wait for a word.
std::int64_t wake_word(std::uint64_t address, std::uint64_t count);

// At a thread's end: the word that says so is cleared, and its waiters wake; mutexes that it holds say
// that their owner died.
void release_thread_words();

}  // namespace quarry::libos
