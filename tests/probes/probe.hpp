// What programs do wrong with their heap, one mistake a probe. Each probe can do the same without the
// mistake, too: that must pass.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace probes {

// How a probe that came to its end did so; what ends it before that is for tools/probe_heaps.py to see.
enum class Seen : int {
    no_harm = 0,         // nothing was noticed, by nobody
    harm_prevented = 10  // the heap's ways make the mistake harmless
};

// Where and how: sizes from 8 bytes to 3 MB, in the own thread or another one.
struct Settings {
    std::size_t bytes;
    bool with_mistake;
    bool in_other_thread;
};

struct Probe {
    std::string_view name;
    Seen (*run)(Settings const& settings);
    bool has_sizes = true;
    bool has_threads = true;
};

std::span<Probe const> freeing_probes();
std::span<Probe const> writing_probes();
std::span<Probe const> reading_probes();

// The compiler knows what malloc and free are; it must not reason about these.
template <typename T>
T* opaque(T* pointer) {
    asm volatile("" : "+r"(pointer) : : "memory");
    return pointer;
}

// A block with something in it, and others of its size around it, that live on.
char* make_block(std::size_t bytes);

// Says which addresses a report must name one of: the block and its surroundings.
void announce(void const* block, std::size_t bytes);

// Calls function() here, or in another thread that then ends.
void run_in_thread(Settings const& settings, void (*function)(void*), void* argument);
template <typename Function>
void in_thread(Settings const& settings, Function function) {
    run_in_thread(settings, [](void* itself) { (*static_cast<Function*>(itself))(); }, &function);
}

}  // namespace probes
