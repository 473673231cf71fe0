// Objects by id. An id is a slot and the slot's generation; the generation has 48 bits and never
// wraps, so an id is never given twice.
#pragma once

#include "base/result.hpp"

#include <array>
#include <cstddef>
#include <cstdint>

namespace quarry {

template <typename T, std::size_t Capacity>
class IdTable {
  public:
    static constexpr std::uint64_t slot_bits = 16;
    static_assert(Capacity <= 1u << slot_bits);

    constexpr IdTable() = default;

    // Gives `object` an id. out_of_slots when the table is full.
    Result<std::uint64_t> insert(T& object) {
        if (first_free_ == none && used_ == Capacity) {
            return Error::out_of_slots;
        }
        std::size_t slot = used_;
        if (first_free_ != none) {
            slot = first_free_;
            first_free_ = slots_[slot].next_free;
        } else {
            ++used_;
        }
        ++slots_[slot].generation;
        slots_[slot].object = &object;
        return slots_[slot].generation << slot_bits | slot;
    }

    // The object with this id, or null.
    T* find(std::uint64_t id) const {
        auto const slot = id & ((1u << slot_bits) - 1);
        if (slot >= used_ || slots_[slot].generation != id >> slot_bits) {
            return nullptr;
        }
        return slots_[slot].object;
    }

    void remove(std::uint64_t id) {
        auto const slot = id & ((1u << slot_bits) - 1);
        slots_[slot].object = nullptr;
        slots_[slot].next_free = first_free_;
        first_free_ = static_cast<std::uint32_t>(slot);
    }

    template <typename Visitor>
    void each(Visitor visitor) const {
        for (std::size_t slot = 0; slot < used_; ++slot) {
            if (slots_[slot].object != nullptr) {
                visitor(*slots_[slot].object);
            }
        }
    }

  private:
    static constexpr std::uint32_t none = ~std::uint32_t{0};
    struct Slot {
        T* object = nullptr;
        std::uint64_t generation = 0;
        std::uint32_t next_free = none;
    };

    std::array<Slot, Capacity> slots_{};
    std::size_t used_ = 0;  // slots from here on were never taken
    std::uint32_t first_free_ = none;
};

}  // namespace quarry
