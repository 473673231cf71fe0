// Blocks of other threads' slabs that this thread frees: gathered by slab, and given to each slab with
// one atomic operation for many, if they are small.
#pragma once

#include "heap/arena.hpp"

#include <algorithm>
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
        }
        auto const memory = arena.runs().address_of(index);
        auto const place = static_cast<std::uint32_t>(block - memory);
        bool const is_first = batch.count == 0;
        arena.key().link(block, is_first ? arena.end_mark(slab) : memory + batch.first);
        batch = {index, batch.count + 1, place, is_first ? place : batch.last};
        if (batch.count == most[slab.size_class]) {
            flush(arena, batch);
        }
    }
    void flush(Arena<Config>& arena) {
        for (auto& batch : batches_) {
            flush(arena, batch);
        }
    }

  private:
    // How many of a class are told of at once: no more memory waits than a page for each slab.
    static constexpr auto most = [] {
        constexpr std::size_t most_blocks = 48;
        std::array<std::uint8_t, class_count> all{};
        for (std::size_t i = 0; i < class_count; ++i) {
            all[i] = static_cast<std::uint8_t>(
                std::clamp<std::size_t>(page_bytes / class_bytes(i), 1, most_blocks));
        }
        return all;
    }();
    // Blocks by how far they are from the slab's memory: so a heap fits a page.
    struct Batch {
        std::uint32_t slab = 0;
        std::uint32_t count = 0;
        std::uint32_t first = 0;
        std::uint32_t last = 0;
    };
    void flush(Arena<Config>& arena, Batch& batch) {
        if (batch.count != 0) {
            auto const memory = arena.runs().address_of(batch.slab);
            arena.give_remote(arena.runs().unit(batch.slab), memory + batch.first,
                              memory + batch.last);
            batch = {};
        }
    }
    std::array<Batch, 16> batches_{};
};

}  // namespace slab
