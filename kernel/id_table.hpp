// Objects by id. An id is a slot and the slot's generation; the generation has 48 bits and never
// wraps, so an id is never given twice. An object's lock lies in its slot, not in the object: it
// can be taken by id even while the object comes to its end.
#pragma once

#include "base/result.hpp"
#include "kernel/lock.hpp"

#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace quarry {
namespace machine {
struct EntryLayout;
}

inline constexpr std::uint64_t id_slot_bits = 16;
constexpr std::uint64_t slot_of_id(std::uint64_t id) { return id & ((1u << id_slot_bits) - 1); }

template <typename T, std::size_t Capacity, Rank LockRank>
class IdTable {
  public:
    static_assert(Capacity <= 1u << id_slot_bits && std::has_single_bit(Capacity));

    constexpr IdTable() = default;

    // An id for an object that publish() then lets others find. out_of_slots when the table is
    // full.
    Result<std::uint64_t> reserve() EXCLUDES(free_lock_) {
        LockGuard const guard(free_lock_);
        auto slot = static_cast<std::uint32_t>(used_.load(std::memory_order_relaxed));
        if (first_free_ != none) {
            slot = first_free_;
            first_free_ = slots_[slot].next_free;
        } else if (slot == Capacity) {
            return Error::out_of_slots;
        } else {
            used_.store(slot + 1, std::memory_order_release);
        }
        auto const generation = slots_[slot].generations + 1;
        slots_[slot].generations = generation;
        return generation << id_slot_bits | slot;
    }
    void publish(std::uint64_t id, T& object) {
        auto& entry = entry_of(id);
        entry.object.store(&object, std::memory_order_relaxed);
        entry.id.store(id, std::memory_order_release);
    }
    // Both in one: for objects that do not know their ids.
    Result<std::uint64_t> insert(T& object) EXCLUDES(free_lock_) {
        auto const id = TRY(reserve());
        publish(id, object);
        return id;
    }

    // The object with this id, locked; or null. With `try_only` null and `busy` when somebody else
    // has the lock.
    struct Found {
        T* object = nullptr;
        HeldLock lock;
        bool busy = false;
    };
    Found find(std::uint64_t id, bool try_only = false) {
        auto& entry = entry_of(id);
        // First without the lock: the caller may hold it for the slot's present object, and a try
        // would then never succeed.
        if (entry.id.load(std::memory_order_acquire) != id) {
            return {};
        }
        auto lock = try_only ? HeldLock::try_take(entry.lock) : HeldLock::take(entry.lock);
        if (!lock) {
            return {nullptr, {}, true};
        }
        auto* const object = entry.object.load(std::memory_order_relaxed);
        if (object == nullptr || entry.id.load(std::memory_order_acquire) != id) {
            return {};
        }
        if constexpr (requires { object->settle(); }) {
            object->settle();
        }
        return {object, std::move(lock), false};
    }

    // Without the lock: for tests, diagnostics, and objects the caller keeps alive.
    T* peek(std::uint64_t id) const {
        auto const& entry = slots_[id % Capacity];
        return entry.id.load(std::memory_order_acquire) == id
                   ? entry.object.load(std::memory_order_relaxed)
                   : nullptr;
    }

    // For the short way to an object: the slot where it is, if anywhere. Under the slot's lock, it is
    // there while the slot holds its id.
    struct alignas(64) Slot {
        SpinLock lock{LockRank};
        std::uint32_t next_free = none;
        std::atomic<T*> object = nullptr;
        std::atomic<std::uint64_t> id = 0;
        std::uint64_t generations = 0;  // how many ids the slot has had
    };
    // Any id has a slot to look into; the slot holds the whole id, so that no other one passes.
    Slot& entry_of(std::uint64_t id) { return slots_[id % Capacity]; }

    // Of an id's slot in the table, in bytes.
    static constexpr std::uint64_t slot_offset(std::uint64_t id) {
        return id % Capacity * sizeof(Slot);
    }

    // What a slot holds, for who knows that it lasts.
    T* in_slot(std::size_t slot) const {
        return slots_[slot].object.load(std::memory_order_relaxed);
    }

    SpinLock& lock_of(std::uint64_t id) { return entry_of(id).lock; }

    // The id means nothing from here on; the slot is not used again before release(). Under the
    // object's lock.
    void retire(std::uint64_t id) {
        auto& entry = entry_of(id);
        entry.object.store(nullptr, std::memory_order_relaxed);
        entry.id.store(id % Capacity ^ 1, std::memory_order_relaxed);  // nobody looks for it here
    }
    void release(std::uint64_t id) EXCLUDES(free_lock_) {
        LockGuard const guard(free_lock_);
        entry_of(id).next_free = first_free_;
        first_free_ = static_cast<std::uint32_t>(slot_of_id(id));
    }

    // Visits objects without their locks: for checks at rest and for diagnostics.
    template <typename Visitor>
    void each(Visitor visitor) const {
        auto const used = used_.load(std::memory_order_acquire);
        for (std::size_t slot = 0; slot < used; ++slot) {
            if (auto* const object = slots_[slot].object.load(std::memory_order_relaxed)) {
                visitor(*object);
            }
        }
    }

    // The same for ids alone; an object may have come or gone when the visitor looks it up.
    template <typename Visitor>
    void each_id(Visitor visitor) const {
        auto const used = used_.load(std::memory_order_acquire);
        for (std::size_t slot = 0; slot < used; ++slot) {
            if (slots_[slot].object.load(std::memory_order_relaxed) != nullptr) {
                visitor(slots_[slot].id.load(std::memory_order_relaxed));
            }
        }
    }

  private:
    friend struct machine::EntryLayout;
    static constexpr std::uint32_t none = ~std::uint32_t{0};

    std::array<Slot, Capacity> slots_{};
    std::atomic<std::size_t> used_ = 0;  // slots from here on were never taken
    SpinLock free_lock_{Rank::ids};
    std::uint32_t first_free_ GUARDED_BY(free_lock_) = none;
};

}  // namespace quarry
