// A heap's window: metadata first, a Unit for each unit that the window may ever have, then the units, which begin at
// a multiple of 2 MiB.
#pragma once

#include "heap/attributes.hpp"
#include "heap/page_source.hpp"
#include "heap/unit.hpp"
#include "heap/unit_range.hpp"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace slab {

inline constexpr std::size_t window_alignment = huge_page_bytes;

struct WindowPlan {
    std::size_t metadata_bytes;
    std::size_t units_bytes;       // at first
    std::size_t most_units_bytes;  // when it has been extended, as far as it goes

    constexpr std::size_t bytes() const { return metadata_bytes + units_bytes; }
};

// What to ask a source for, the first time, and when it has refused so many times: a smaller window, which is not
// extended.
template <PageSource Source>
constexpr WindowPlan plan_window(unsigned refusals) {
    std::size_t const units = std::size_t{Source::window_bytes} >> refusals;
    std::size_t most = units;
    if constexpr (CanExtend<Source>) {
        most = refusals == 0 ? std::size_t{Source::most_window_bytes} : units;
    }
    auto const metadata = (most >> unit_shift) * sizeof(Unit);
    return {(metadata + window_alignment - 1) & ~(window_alignment - 1), units, most};
}

// Which units there are, and how much was ever asked of the source. What changes that is under the arena's lock, but
// for the pages of a run, which are its owner's.
template <PageSource Source>
class Window {
  public:
    constexpr explicit Window(Source source) : source_(source) {}

    Source& source() { return source_; }
    Unit* units() const { return units_; }
    Unit& unit(std::size_t index) const { return units_[index]; }
    std::uint32_t used_units() const { return used_units_; }
    std::uintptr_t base() const { return base_; }
    // Where the window ends when it has become as long as it may.
    std::uintptr_t most_window_end() const { return address_of(most_window_units_); }
    // The end of the metadata in use: what bounds a unit, and so a pointer. Read while others extend it, as
    // a plain word: whoever has a block of the heap has seen an end beyond it, and any later one will do.
    SLAB_LOOKS_ON
    std::uintptr_t metadata_end() const { return metadata_end_; }

    std::uintptr_t address_of(std::uint32_t index) const {
        return base_ + (std::uintptr_t{index} << unit_shift);
    }
    std::uint32_t index_of(Unit const& unit) const {
        return static_cast<std::uint32_t>(&unit - units_);
    }

    std::uint32_t now() {
        if constexpr (HasClock<Source>) {
            return source_.ticks();
        } else {
            return 0;
        }
    }
    // When somebody last looked at the clock, under the arena's lock. What is freed counts as freed then.
    std::uint32_t looked_at() const { return looked_at_; }
    void look() { looked_at_ = now(); }

    std::uint64_t pages_taken() const { return pages_taken_.load(std::memory_order_relaxed); }
    std::uint64_t pages_returned() const { return pages_returned_.load(std::memory_order_relaxed); }
    std::uint64_t held_pages() const { return pages_taken() - pages_returned(); }
    std::uint64_t commits() const { return commits_.load(std::memory_order_relaxed); }
    std::uint64_t decommits() const { return decommits_.load(std::memory_order_relaxed); }
    std::uint64_t metadata_bytes() const { return metadata_committed_; }

  protected:
    static std::byte* at(std::uintptr_t address) { return reinterpret_cast<std::byte*>(address); }
    static std::uint32_t aligned(std::uint32_t index, std::uint32_t align_units) {
        return (index + align_units - 1) & ~(align_units - 1);
    }

    // Asks the source for pages, and gives them back.
    Committed commit_range(std::uintptr_t address, std::size_t pages) {
        auto const result = source_.commit(at(address), pages * page_bytes);
        if (result != Committed::failed) {
            add(pages_taken_, pages);
            add(commits_, 1);
        }
        return result;
    }
    void decommit_range(std::uintptr_t address, std::size_t pages) {
        source_.decommit(at(address), pages * page_bytes);
        count_returned(pages);
    }
    // What came, or went, in another way.
    void count_taken(std::size_t pages) { add(pages_taken_, pages); }
    void count_returned(std::size_t pages) {
        add(pages_returned_, pages);
        add(decommits_, 1);
    }

    // Fresh units at the end of what was used so far, with room to align; none, if they cannot be had.
    SLAB_COLD UnitRange extend(std::uint32_t count, std::uint32_t align_units) {
        if (base_ == 0 && !reserve()) {
            return {};
        }
        auto const first = std::max(used_units_, std::uint32_t{1});
        auto const wanted = aligned(first, align_units) - first + count;
        if (wanted > window_units_ - first &&
            (wanted > most_window_units_ - first || !extend_window(first + wanted))) {
            return {};
        }
        if (!commit_metadata(first + wanted)) {
            return {};
        }
        prepare_huge_pages(first, wanted);
        used_units_ = first + wanted;
        metadata_end_ = reinterpret_cast<std::uintptr_t>(units_ + used_units_);
        return {.first = first, .end = used_units_};
    }
    void release_window() {
        decommit_range(reinterpret_cast<std::uintptr_t>(units_), metadata_committed_ / page_bytes);
        source_.release(reinterpret_cast<std::byte*>(units_), reserved_bytes_);
    }

  private:
    static constexpr std::size_t least_window = std::size_t{1} << 20;
    static constexpr std::uint32_t least_units_with_huge_pages =
        (std::uint32_t{64} << 20) >> unit_shift;
    // With what aligns it, and a guard.
    static constexpr std::uint32_t most_slab_run_units = 2 * coarse_slab_units;
    static void add(std::atomic<std::uint64_t>& counter, std::uint64_t more) {
        counter.fetch_add(more, std::memory_order_relaxed);
    }

    // Unit 0 is given to nobody, so that 0 is no index, and its metadata a neighbour for unit 1's.
    bool reserve() {
        for (unsigned refusals = 0;; ++refusals) {
            auto const plan = plan_window<Source>(refusals);
            if (plan.units_bytes < least_window) {
                return false;
            }
            if (auto* const window = source_.reserve(plan.bytes()); window != nullptr) {
                reserved_bytes_ = plan.bytes();
                units_ = reinterpret_cast<Unit*>(window);
                base_ = reinterpret_cast<std::uintptr_t>(window) + plan.metadata_bytes;
                window_units_ = static_cast<std::uint32_t>(plan.units_bytes >> unit_shift);
                most_window_units_ =
                    static_cast<std::uint32_t>(plan.most_units_bytes >> unit_shift);
                return true;
            }
        }
    }
    // A large heap grows in huge pages where it grows by slabs, which fill up: a fault is then for 512 pages, and what
    // of the last huge page is not in use yet is less than 5 % of the heap. What a program asks for in one piece it
    // may never touch. Whoever comes first into the place of a huge page decides about it.
    void prepare_huge_pages(std::uint32_t first, std::uint32_t count) {
        if constexpr (HasHugePages<Source>) {
            constexpr auto units = static_cast<std::uint32_t>(huge_page_bytes >> unit_shift);
            auto const place = aligned(first, units);
            bool const is_entered = place < first + count;
            if (is_entered && count <= most_slab_run_units &&
                place >= least_units_with_huge_pages && place + units <= window_units_) {
                source_.huge(at(address_of(place)));
            }
        }
    }
    // To at least so many units; to twice what it has, if that can be had.
    bool extend_window(std::uint32_t units) {
        if constexpr (CanExtend<Source>) {
            for (auto to :
                 {std::min(most_window_units_, std::max(units, 2 * window_units_)), units}) {
                auto const more = (std::size_t{to} - window_units_) << unit_shift;
                if (to <= most_window_units_ &&
                    source_.extend(at(address_of(window_units_)), more)) {
                    window_units_ = to;
                    reserved_bytes_ += more;
                    return true;
                }
            }
        }
        return false;
    }

    bool commit_metadata(std::uint32_t units) {
        auto const needed =
            (std::size_t{units} * sizeof(Unit) + page_bytes - 1) & ~(page_bytes - 1);
        if (needed <= metadata_committed_) {
            return true;
        }
        auto const from = reinterpret_cast<std::uintptr_t>(units_) + metadata_committed_;
        auto const bytes = needed - metadata_committed_;
        auto const result = commit_range(from, bytes / page_bytes);
        if (result == Committed::failed) {
            return false;
        }
        if (result == Committed::dirty) {
            __builtin_memset(at(from), 0, bytes);
        }
        metadata_committed_ = needed;
        return true;
    }

    Unit* units_ = nullptr;
    std::uintptr_t base_ = 0;
    std::uintptr_t metadata_end_ = 0;
    std::uint32_t used_units_ = 0;
    std::uint32_t window_units_ = 0;
    std::uint32_t most_window_units_ = 0;
    std::size_t reserved_bytes_ = 0;
    std::size_t metadata_committed_ = 0;
    Relaxed<std::uint32_t> looked_at_ = 0;
    std::atomic<std::uint64_t> pages_taken_ = 0;
    std::atomic<std::uint64_t> pages_returned_ = 0;
    std::atomic<std::uint64_t> commits_ = 0;
    std::atomic<std::uint64_t> decommits_ = 0;
    [[no_unique_address]] Source source_;
};

}  // namespace slab
