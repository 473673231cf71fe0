// Blocks of other threads' slabs that this thread frees: gathered by slab, and given to each slab with
// one atomic operation for many, if they are small.
#pragma once

#include "heap/arena.hpp"
#include "heap/low_half.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

namespace slab {

template <HeapConfig Config>
class RemoteBatches {
  public:
    // How many blocks of a class are told of at once: no more memory waits than a page for each slab.
    static constexpr auto most = [] {
        constexpr std::size_t most_blocks = 48;
        std::array<std::uint8_t, class_count> all{};
        for (std::size_t i = 0; i < class_count; ++i) {
            all[i] = static_cast<std::uint8_t>(
                std::clamp<std::size_t>(page_bytes / class_bytes(i), 1, most_blocks));
        }
        return all;
    }();

    constexpr RemoteBatches() = default;

    [[gnu::always_inline]] void add(Arena<Config>& arena, Unit& slab, std::uintptr_t block) {
        auto const index = arena.runs().index_of(slab);
        auto& batch = batches_[index % batches_.size()];
        if (batch.slab != index) [[unlikely]] {
            return begin(arena, batch, slab, block);
        }
        arena.key().link(block, whole_address(block, batch.first));
        batch.first = low_half(block);
        if (--batch.left == 0) [[unlikely]] {
            flush(arena, batch);
        }
    }
    void flush(Arena<Config>& arena) {
        for (auto& batch : batches_) {
            if (batch.slab != 0) {
                flush(arena, batch);
            }
        }
    }

  private:
    // By halves, so that a heap fits a page.
    struct Batch {
        std::uint32_t slab = 0;  // 0: none
        std::uint32_t left = 0;  // blocks until it is full
        LowHalf first = 0;
        LowHalf last = 0;
    };

    [[gnu::noinline]] void begin(Arena<Config>& arena, Batch& batch, Unit& slab,
                                 std::uintptr_t block) {
        auto const left = most[slab.size_class] - 1u;
        if (left == 0) {
            return arena.give_remote(slab, {block, block, 1});
        }
        if (batch.slab != 0) {
            flush(arena, batch);
        }
        arena.key().link(block, arena.end_mark(slab));
        auto const half = low_half(block);
        batch = {arena.runs().index_of(slab), left, half, half};
    }
    [[gnu::noinline]] void flush(Arena<Config>& arena, Batch& batch) {
        auto const memory = arena.runs().address_of(batch.slab);
        auto& slab = arena.runs().unit(batch.slab);
        arena.give_remote(slab,
                          {whole_address(memory, batch.first), whole_address(memory, batch.last),
                           most[slab.size_class] - batch.left});
        batch = {};
    }
    std::array<Batch, 16> batches_{};
};

}  // namespace slab
