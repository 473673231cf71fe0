// Runs of units in the heap's window: the address space of slabs and large blocks. Free runs hold
// no committed pages; neighbours merge at once (boundary tags: Knuth, volume 1, section 2.5).
#pragma once

#include "heap/page_source.hpp"
#include "heap/unit.hpp"

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace slab {

template <PageSource Source>
class Runs {
  public:
    constexpr explicit Runs(Source source) : source_(source) {}

    Source& source() { return source_; }
    std::byte* base() const { return base_; }

    // The unit that holds `pointer`, or null if it is none of the window's.
    bool owns(void const* pointer) const { return offset_of(pointer) < used_bytes_; }
    // The unit that a pointer of this heap's lies in.
    Unit& owned_unit_at(void const* pointer) const {
        return units_[offset_of(pointer) >> unit_shift];
    }
    // The same, or null for any other pointer.
    Unit* unit_at(void const* pointer) const {
        return owns(pointer) ? &owned_unit_at(pointer) : nullptr;
    }
    std::size_t offset_of(void const* pointer) const {
        return reinterpret_cast<std::uintptr_t>(pointer) - reinterpret_cast<std::uintptr_t>(base_);
    }

    // `count` units, the first at a multiple of `alignment` (a power of two, at least a unit). Null
    // when the window or memory for metadata is used up. Nothing is committed.
    Unit* take(std::size_t count, std::size_t alignment) {
        auto const align_units = alignment >> unit_shift;
        auto const wanted = count + align_units - 1;
        Unit* run = find_free(wanted);
        if (run == nullptr) {
            run = extend(wanted);
        }
        if (run == nullptr) {
            return nullptr;
        }
        auto const length = run->run_units;
        auto const index = static_cast<std::size_t>(run - units_);
        auto const first = (index + align_units - 1) & ~(align_units - 1);
        give(index, first - index);
        give(first + count, length - (first - index) - count);
        for (std::size_t i = 0; i < count; ++i) {
            units_[first + i].head = &units_[first];
        }
        return &units_[first];
    }

    // Gives `count` units back. They must be decommitted.
    void put(Unit& unit, std::size_t count) {
        auto first = static_cast<std::size_t>(&unit - units_);
        for (std::size_t i = 0; i < count; ++i) {
            units_[first + i].kind = UnitKind::untouched;
            units_[first + i].head = &units_[first + i];
        }
        if (first != 0 && units_[first - 1].kind == UnitKind::free_run) {
            auto const length = units_[first - 1].run_units;
            first -= length;
            count += length;
            unlink(first);
        }
        auto const after = first + count;
        if (after < used_units_ && units_[after].kind == UnitKind::free_run) {
            count += units_[after].run_units;
            unlink(after);
        }
        give(first, count);
    }

    // Grows a large block in place into the free run behind it. False if there is none long enough.
    bool grow(Unit& unit, std::size_t from_units, std::size_t to_units) {
        auto const after = static_cast<std::size_t>(&unit - units_) + from_units;
        auto const extra = to_units - from_units;
        if (after >= used_units_ || units_[after].kind != UnitKind::free_run ||
            units_[after].run_units < extra) {
            return false;
        }
        auto const length = units_[after].run_units;
        unlink(after);
        give(after + extra, length - extra);
        for (std::size_t i = from_units; i < to_units; ++i) {
            (&unit)[i].head = &unit;
        }
        return true;
    }

    // Commits and decommits with the counts that statistics show.
    Committed commit(std::byte* at, std::size_t bytes) {
        auto const result = source_.commit(at, bytes);
        if (result != Committed::failed) {
            pages_taken_ += bytes / page_bytes;
            ++commits_;
        }
        return result;
    }
    void decommit(std::byte* at, std::size_t bytes) {
        source_.decommit(at, bytes);
        pages_returned_ += bytes / page_bytes;
        ++decommits_;
    }

    std::uint64_t pages_taken() const { return pages_taken_; }
    std::uint64_t pages_returned() const { return pages_returned_; }
    std::uint64_t commits() const { return commits_; }
    std::uint64_t decommits() const { return decommits_; }
    std::uint64_t metadata_pages() const { return units_committed_bytes_ / page_bytes; }
    std::size_t used_units() const { return used_units_; }
    Unit& unit(std::size_t index) const { return units_[index]; }

    // Gives the whole window back. The heap is unusable until the next take.
    void release() {
        if (base_ != nullptr) {
            source_.decommit(base_, used_units_ << unit_shift);
            source_.decommit(window_, units_committed_bytes_);
            source_.release(window_, reserved_bytes_);
            *this = Runs(source_);
        }
    }

  private:
    static constexpr std::size_t bucket_count = 40;
    static std::size_t bucket_of(std::size_t units) {
        return static_cast<std::size_t>(std::bit_width(units)) - 1;
    }

    // The window: metadata first, then the units, which begin at a multiple of 2 MiB.
    bool reserve() {
        constexpr std::size_t alignment = std::size_t{2} << 20;
        auto const units = Source::window_bytes >> unit_shift;
        auto const metadata = (units * sizeof(Unit) + alignment - 1) & ~(alignment - 1);
        window_ = source_.reserve(metadata + Source::window_bytes);
        if (window_ == nullptr) {
            return false;
        }
        reserved_bytes_ = metadata + Source::window_bytes;
        units_ = reinterpret_cast<Unit*>(window_);
        base_ = window_ + metadata;
        window_bytes_ = Source::window_bytes;
        return true;
    }

    // Fresh units at the end of what was used so far.
    Unit* extend(std::size_t count) {
        if (base_ == nullptr && !reserve()) {
            return nullptr;
        }
        auto const first = used_units_;
        if (count > (window_bytes_ >> unit_shift) - first) {
            return nullptr;
        }
        auto const needed = ((first + count) * sizeof(Unit) + page_bytes - 1) & ~(page_bytes - 1);
        if (needed > units_committed_bytes_) {
            auto* const at = window_ + units_committed_bytes_;
            auto const bytes = needed - units_committed_bytes_;
            auto const result = commit(at, bytes);
            if (result == Committed::failed) {
                return nullptr;
            }
            if (result == Committed::dirty) {
                __builtin_memset(at, 0, bytes);
            }
            units_committed_bytes_ = needed;
        }
        used_units_ += count;
        used_bytes_ = used_units_ << unit_shift;
        for (std::size_t i = first; i < first + count; ++i) {
            units_[i].head = &units_[i];
            units_[i].memory = base_ + (i << unit_shift);
        }
        // A free run right before is joined: `put` sees the neighbour.
        units_[first].run_units = static_cast<std::uint32_t>(count);
        return &units_[first];
    }

    void give(std::size_t first, std::size_t count) {
        if (count == 0) {
            return;
        }
        auto& head = units_[first];
        auto& tail = units_[first + count - 1];
        head.kind = UnitKind::free_run;
        tail.kind = UnitKind::free_run;
        head.run_units = static_cast<std::uint32_t>(count);
        tail.run_units = static_cast<std::uint32_t>(count);
        free_[bucket_of(count)].push(head);
    }

    void unlink(std::size_t first) {
        auto& head = units_[first];
        auto& tail = units_[first + head.run_units - 1];
        free_[bucket_of(head.run_units)].remove(head);
        head.kind = UnitKind::untouched;
        tail.kind = UnitKind::untouched;
    }

    // First fit in the request's own bucket, then any of the larger ones.
    Unit* find_free(std::size_t count) {
        for (auto bucket = bucket_of(count); bucket < bucket_count; ++bucket) {
            for (auto* run = free_[bucket].first; run != nullptr; run = run->next) {
                if (run->run_units >= count) {
                    unlink(static_cast<std::size_t>(run - units_));
                    return run;
                }
            }
        }
        return nullptr;
    }

    Source source_;
    std::byte* window_ = nullptr;
    std::byte* base_ = nullptr;
    Unit* units_ = nullptr;
    std::size_t reserved_bytes_ = 0;
    std::size_t window_bytes_ = 0;
    std::size_t used_units_ = 0;
    std::size_t used_bytes_ = 0;  // of the units in use so far
    std::size_t units_committed_bytes_ = 0;
    std::uint64_t pages_taken_ = 0;
    std::uint64_t pages_returned_ = 0;
    std::uint64_t commits_ = 0;
    std::uint64_t decommits_ = 0;
    std::array<UnitList, bucket_count> free_{};
};

}  // namespace slab
