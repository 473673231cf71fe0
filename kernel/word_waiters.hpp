// Environments that wait for a word of memory to change, in buckets by what the word is: (space,
// address), or (frame, offset) where spaces share it.
#pragma once

#include "kernel/environment.hpp"

#include <array>

namespace quarry {

struct WordKey {
    std::uint64_t place;   // space id, or frame number
    std::uint64_t offset;  // address, or offset in the frame with the lowest bit set
    friend bool operator==(WordKey, WordKey) = default;
    // Address words are aligned, so the lowest bit tells the two kinds apart.
    static WordKey in_space(abi::SpaceId space, std::uint64_t address) {
        return {space.value, address};
    }
    static WordKey in_frame(PhysPage frame, std::uint64_t offset) {
        return {frame.number(), offset | 1};
    }
    bool is_shared() const { return (offset & 1) != 0; }
};

class WordWaiters {
  public:
    constexpr WordWaiters() = default;

    struct alignas(64) Bucket {
        SpinLock lock{Rank::wait};
        EnvironmentQueue waiters GUARDED_BY(lock);
    };
    Bucket& bucket_of(WordKey key) {
        auto const mixed = (key.place * 0x9e3779b97f4a7c15 ^ key.offset) * 0x9e3779b97f4a7c15;
        return buckets_[mixed >> (64 - bucket_bits)];
    }

  private:
    static constexpr unsigned bucket_bits = 8;
    std::array<Bucket, 1u << bucket_bits> buckets_{};
};

}  // namespace quarry
