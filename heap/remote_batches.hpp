// Blocks of other threads' slabs that this thread frees: gathered by slab, and given to each slab with
// one atomic operation for many.
#pragma once

#include "heap/arena.hpp"

#include <array>
#include <cstddef>
#include <cstdint>

namespace slab {

template <HeapConfig Config>
class RemoteBatches {
  public:
    constexpr RemoteBatches() = default;

    void add(Arena<Config>& arena, Unit& slab, std::uintptr_t block) {
        auto const index = arena.runs().index_of(slab);
        auto& batch = batches_[index % batches_.size()];
        if (batch.slab != index) {
            flush(arena, batch);
            batch = {index, 0, 0, 0};
        }
        arena.key().link(block, batch.first != 0 ? batch.first : arena.end_mark(slab));
        batch.first = block;
        batch.last = batch.last == 0 ? block : batch.last;
        if (++batch.count == most) {
            flush(arena, batch);
        }
    }
    void flush(Arena<Config>& arena) {
        for (auto& batch : batches_) {
            flush(arena, batch);
        }
    }

  private:
    static constexpr std::uint32_t most = 48;
    struct Batch {
        std::uint32_t slab = 0;
        std::uint32_t count = 0;
        std::uintptr_t first = 0;
        std::uintptr_t last = 0;
    };
    void flush(Arena<Config>& arena, Batch& batch) {
        if (batch.first != 0) {
            arena.give_remote(arena.runs().unit(batch.slab), batch.first, batch.last);
            batch = {};
        }
    }
    std::array<Batch, 16> batches_{};
};

}  // namespace slab
