// The environments that wait for one processor. Accounts take turns, and each account's environments
// among themselves, first come first served: so however many a program makes, they share one turn.
// Every operation is O(1). Another processor that has nothing to do takes from it.
#pragma once

#include "base/intrusive_list.hpp"
#include "kernel/account.hpp"
#include "kernel/environment.hpp"
#include "kernel/lock.hpp"

#include <array>
#include <atomic>
#include <cstdint>

namespace quarry {

class RunQueue {
  public:
    constexpr RunQueue() = default;

    void push(Environment& environment, unsigned processor) EXCLUDES(lock_) {
        LockGuard const guard(lock_);
        environment.queued_on = processor;
        if (auto* const leader = leader_of(environment); leader != nullptr) {
            leader->followers.push_back(environment);
        } else {
            lead(environment);
            turns_.push_back(environment);
        }
        count_.store(count_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    }
    // The id of the one whose turn it is; 0 if there is none. It may stop or end before the caller has
    // its lock: so an id, not a pointer.
    std::uint64_t pop() EXCLUDES(lock_) {
        if (empty()) {
            return 0;
        }
        LockGuard const guard(lock_);
        auto* const environment = turns_.first();
        if (environment == nullptr) {
            return 0;
        }
        auto const id = environment->id.value;
        take_out(*environment);
        return id;
    }
    // Takes it out; false if it is no longer in.
    bool remove(Environment& environment, unsigned processor) EXCLUDES(lock_) {
        LockGuard const guard(lock_);
        if (environment.queued_on != processor) {
            return false;
        }
        take_out(environment);
        return true;
    }
    bool empty() const { return count_.load(std::memory_order_relaxed) == 0; }
    std::uint32_t count() const { return count_.load(std::memory_order_relaxed); }

  private:
    // Of the environments of one account the first stands for all; the others wait behind it.
    Environment* leader_of(Environment const& environment) const REQUIRES(lock_) {
        return environment_in_slot(leaders_[environment.space().account()]);
    }
    void lead(Environment& environment) REQUIRES(lock_) {
        leaders_[environment.space().account()] = slot_of(environment);
    }
    void take_out(Environment& environment) REQUIRES(lock_) {
        if (auto* const leader = leader_of(environment); leader != &environment) {
            leader->followers.remove(environment);
        } else {
            turns_.remove(environment);
            leaders_[environment.space().account()] = nobody;
            if (auto* const next = environment.followers.pop_front(); next != nullptr) {
                // The account's next turn comes after all others'.
                next->followers.take_all(environment.followers);
                lead(*next);
                turns_.push_back(*next);
            }
        }
        count_.store(count_.load(std::memory_order_relaxed) - 1, std::memory_order_relaxed);
        environment.queued_on = Environment::nowhere;
    }

    // Leaders are kept as slots of the table of environments, so that a Processor fits a page.
    using Slot = std::uint16_t;
    static constexpr Slot nobody = 0xffff;
    static Slot slot_of(Environment const& environment);
    static Environment* environment_in_slot(Slot slot);
    static constexpr std::array<Slot, AccountTable::capacity> no_leaders = [] {
        std::array<Slot, AccountTable::capacity> slots{};
        slots.fill(nobody);
        return slots;
    }();

    SpinLock lock_{Rank::queue};
    EnvironmentQueue turns_ GUARDED_BY(lock_);
    std::array<Slot, AccountTable::capacity> leaders_ GUARDED_BY(lock_) = no_leaders;
    std::atomic<std::uint32_t> count_ = 0;
};

}  // namespace quarry
