// Random use of a heap beside a reference map: no block lies in another, and each keeps its contents.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <map>
#include <random>

namespace slab {

template <typename Heap>
class RandomUse {
  public:
    RandomUse(std::uint64_t seed, std::size_t most) : random_(seed), most_(most) {}
    ~RandomUse() {
        while (!blocks_.empty()) {
            drop();
        }
        heap_.release();
    }

    void step() {
        auto const kind = random_() % 100;
        if (blocks_.empty() || (kind < 45 && blocks_.size() < 2000)) {
            add();
        } else if (kind < 60) {
            change();
        } else {
            drop();
        }
    }

  private:
    struct Block {
        std::size_t bytes;
        unsigned char fill;
        bool may_tell_size;  // a free of it; not one that was reallocated or aligned
    };
    std::size_t random_size() {
        auto const bits = random_() % 18;
        return random_() % 200 == 0 ? random_() % most_ : random_() % (std::size_t{2} << bits);
    }
    void put(void* at, std::size_t bytes, bool may_tell_size = false) {
        ASSERT_NE(at, nullptr);
        ASSERT_GE(heap_.usable_bytes(at), bytes);
        auto const address = reinterpret_cast<std::uintptr_t>(at);
        auto const next = blocks_.lower_bound(address);
        if (next != blocks_.end()) {
            ASSERT_LE(address + bytes, next->first) << "overlaps the block above";
        }
        if (next != blocks_.begin()) {
            auto const before = std::prev(next);
            ASSERT_LE(before->first + before->second.bytes, address) << "overlaps the block below";
        }
        auto const fill = static_cast<unsigned char>(random_());
        std::memset(at, fill, bytes);
        blocks_[address] = {bytes, fill, may_tell_size};
    }
    void add() {
        auto const bytes = random_size();
        if (random_() % 4 == 0) {
            auto const alignment = std::size_t{1} << random_() % 22;
            void* const at = heap_.allocate_aligned(alignment, bytes);
            ASSERT_EQ(reinterpret_cast<std::uintptr_t>(at) % alignment, 0u);
            put(at, bytes);
        } else if (random_() % 4 == 0) {
            auto* const at = static_cast<unsigned char*>(heap_.allocate_zeroed(1, bytes));
            for (std::size_t i = 0; i < bytes; ++i) {
                ASSERT_EQ(at[i], 0);
            }
            put(at, bytes, true);
        } else {
            put(heap_.allocate(bytes), bytes, true);
        }
    }
    auto any() {
        auto it = blocks_.lower_bound(blocks_.begin()->first + random_() % (1u << 28));
        return it == blocks_.end() ? blocks_.begin() : it;
    }
    void expect_whole(void const* at, std::size_t bytes, unsigned char fill) {
        auto const* const p = static_cast<unsigned char const*>(at);
        for (std::size_t i = 0; i < bytes; ++i) {
            ASSERT_EQ(p[i], fill);
        }
    }
    void drop() {
        auto const it = any();
        auto* const at = reinterpret_cast<void*>(it->first);
        auto const block = it->second;
        expect_whole(at, block.bytes, block.fill);
        blocks_.erase(it);
        if (block.may_tell_size && random_() % 2 == 0) {
            heap_.free(at, block.bytes);
        } else {
            heap_.free(at);
        }
    }
    void change() {
        auto const it = any();
        auto const old = it->second;
        auto* const at = reinterpret_cast<void*>(it->first);
        auto const bytes = random_size() + 1;
        blocks_.erase(it);
        auto* const moved = heap_.reallocate(at, bytes);
        expect_whole(moved, std::min(bytes, old.bytes), old.fill);
        put(moved, bytes);
    }

    std::mt19937_64 random_;
    std::size_t most_;
    Heap heap_;
    std::map<std::uintptr_t, Block> blocks_;
};

template <typename Heap>
void expect_agreement_in_random_use() {
    for (std::uint64_t seed = 1; seed <= 4; ++seed) {
        RandomUse<Heap> use(seed, std::size_t{4} << 20);
        for (int i = 0; i < 20'000 && !testing::Test::HasFatalFailure(); ++i) {
            use.step();
        }
    }
}

}  // namespace slab
