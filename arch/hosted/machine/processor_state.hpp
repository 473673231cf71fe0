// What a hosted processor has of its own: a TLB that keeps every stale entry until told otherwise.
#pragma once

#include "base/address.hpp"

#include <atomic>
#include <cstdint>
#include <optional>
#include <random>
#include <unordered_map>

namespace quarry {
class Environment;
}

namespace quarry::machine {

struct ProcessorState {
    PhysPage active;                        // root table in use
    Environment* entered = nullptr;         // whose registers it holds
    std::atomic<bool> interrupted = false;  // by another processor
    std::uint64_t invalidations = 0;
    std::uint64_t result = 0;  // of a call that a shortcut ended

    // With a value, other processors come between what this one does more often than chance has it:
    // around locks, and where its translations and its frames change.
    std::optional<std::minstd_rand> dawdles;

    // Cached translations of the active space. The second one is the paging-structure cache (SDM
    // volume 3A, section 4.10.3): 2 MiB region to level-0 table.
    std::unordered_map<std::uint64_t, std::uint64_t> leaves;
    std::unordered_map<std::uint64_t, std::uint64_t> tables;

    // Where an access of the running program goes; nothing if it faults.
    std::optional<PhysPage> translate(UserPage page, bool write);
    void forget_all();
};

}  // namespace quarry::machine
