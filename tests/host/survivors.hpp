// A heap of which few blocks survive, for tests of mixed units.
#pragma once

#include "heap/sources/failing.hpp"
#include "tests/host/heap_fixture.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <random>
#include <vector>

namespace slab::test {

// A heap of which few blocks survive a phase of small ones. When others make it grow, there is room among them.
class Survivors {
  public:
    using Config = TurnsOf<Failing<UsableSource>>;

    enum class When : bool { now, later };

    explicit Survivors(When grown = When::now) : arena(source_of(failure, fails_at)) {
        Config::turn = 0;
        for (std::size_t held = 0; held < (std::size_t{8} << 20); held += 80) {
            add(64 + random() % 32);
        }
        std::erase_if(blocks, [&](Block const& block) {
            bool const goes = random() % 16 != 0;
            goes ? heap.free(arena, block.at) : void();
            return goes;
        });
        if (grown == When::now) {
            grow();
        }
    }
    ~Survivors() { arena.release(); }
    Survivors(Survivors const&) = delete;
    Survivors& operator=(Survivors const&) = delete;

    void grow() { grow(heap); }
    void grow(LocalHeap<Config>& by) {
        std::vector<void*> others(std::size_t{16} << 10);
        for (auto*& other : others) {
            other = by.allocate(arena, 512);
        }
        for (auto* const other : others) {
            by.free(arena, other);
        }
    }
    void add(std::size_t bytes) {
        Block const block{static_cast<unsigned char*>(heap.allocate(arena, bytes)), bytes,
                          static_cast<unsigned char>(random())};
        if (block.at != nullptr) {
            std::memset(block.at, block.fill, bytes);
            blocks.push_back(block);
        }
    }
    void expect_all_whole() const {
        EXPECT_TRUE(
            std::ranges::all_of(blocks, [](Block const& block) { return block.is_whole(); }));
    }
    UnitKind kind_at(void const* pointer) const {
        return arena.unit_at(reinterpret_cast<std::uintptr_t>(pointer))->kind;
    }
    // A block of a mixed unit.
    unsigned char* mixed(std::size_t bytes) {
        auto* const block = static_cast<unsigned char*>(heap.allocate(arena, bytes));
        EXPECT_EQ(kind_at(block), UnitKind::mixed);
        return block;
    }
    std::uint64_t held_bytes() const { return statistics_of(arena.runs()).held_bytes; }
    void free_all() {
        for (auto const& block : blocks) {
            heap.free(arena, block.at);
        }
        blocks.clear();
        heap.trim(arena);
        arena.trim();
    }
    void expect_nothing_left() {
        free_all();
        auto const s = statistics_of(arena.runs());
        EXPECT_EQ(s.in_use_bytes, 0u);
        EXPECT_LT(s.held_bytes, std::uint64_t{1} << 19);
        EXPECT_STREQ(failure, nullptr);
    }

    char const* failure = nullptr;
    std::uint64_t fails_at = UINT64_MAX;
    Arena<Config> arena;
    LocalHeap<Config> heap;
    std::mt19937 random{3};
    std::vector<Block> blocks;

  private:
    static Failing<UsableSource> source_of(char const*& failure, std::uint64_t& fails_at) {
        Failing<UsableSource> source;
        source.complaint = &failure;
        source.fails_at = &fails_at;
        return source;
    }
};

}  // namespace slab::test
