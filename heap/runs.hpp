// Runs of units in the heap's window: the address space of slabs and large blocks. Free neighbours
// merge at once (boundary tags: Knuth, volume 1, section 2.5). Pages of a free run stay committed
// until they are purged. Under the arena's lock, but for what the owner of a run does with its pages.
#pragma once

#include "heap/page_source.hpp"
#include "heap/unit.hpp"
#include "heap/window.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <utility>

namespace slab {

inline constexpr std::size_t pages_a_unit = unit_bytes / page_bytes;

template <PageSource Source>
class Runs {
  public:
    constexpr explicit Runs(Source source) : source_(source) {}

    Source& source() { return source_; }
    Unit* units() const { return units_; }
    Unit& unit(std::uint32_t index) const { return units_[index]; }
    std::uint32_t used_units() const { return used_units_; }
    std::uintptr_t base() const { return base_; }
    // Where the window ends when it has become as long as it may.
    std::uintptr_t most_window_end() const { return address_of(most_window_units_); }
    // The end of the metadata in use: what bounds a unit, and so a pointer. Read while others extend it, as
    // a plain word: whoever has a block of the heap has seen an end beyond it, and any later one will do.
#ifdef __clang__
    [[clang::no_sanitize("thread")]]
#endif
    std::uintptr_t metadata_end() const {
        return metadata_end_;
    }

    std::uintptr_t address_of(std::uint32_t index) const {
        return base_ + (std::uintptr_t{index} << unit_shift);
    }
    std::uint32_t index_of(Unit const& unit) const {
        return static_cast<std::uint32_t>(&unit - units_);
    }

    // `count` units, the first at a multiple of `align_units`, a power of two. 0 when the window or
    // memory for metadata is used up. Of their pages some may be committed.
    std::uint32_t take(std::uint32_t count, std::uint32_t align_units) {
        auto run = find_free(count, align_units);
        if (run == 0) {
            run = extend(count, align_units);
        }
        if (run == 0) {
            return 0;
        }
        auto const length = units_[run].run_units;
        auto const first = aligned(run, align_units);
        give(run, first - run, units_[run].freed_at);
        give(first + count, length - (first - run) - count, units_[run].freed_at);
        return first;
    }

    // Gives `count` units back.
    void put(std::uint32_t first, std::uint32_t count) {
        for (auto i = first; i < first + count; ++i) {
            auto& unit = units_[i];
            unit.owner.store(0, std::memory_order_relaxed);
            unit.kind = UnitKind::untouched;
            unit.hold_no_blocks();
        }
        if constexpr (!HasClock<Source>) {
            decommit(first, count);
        }
        if (units_[first - 1].kind == UnitKind::free_run) {
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
        give(first, count, now());
    }

    // Grows a run in place into the free one behind it. False if there is none long enough.
    bool grow(std::uint32_t first, std::uint32_t from_units, std::uint32_t to_units) {
        auto const after = first + from_units;
        auto const extra = to_units - from_units;
        if (after >= used_units_ || units_[after].kind != UnitKind::free_run ||
            units_[after].run_units < extra) {
            return false;
        }
        auto const length = units_[after].run_units;
        auto const freed_at = units_[after].freed_at;
        unlink(after);
        give(after + extra, length - extra, freed_at);
        return true;
    }

    // Whether pages are sure to be touched soon.
    enum class Touch : bool { later, at_once };
    // Makes the first pages of a run usable that are not yet. Its owner calls it, without the lock.
    // dirty: some are not known to be zero; `held` is what those are that were usable before.
    Committed commit(std::uint32_t first, std::size_t pages, Committed held = Committed::dirty,
                     Touch touch = Touch::later) {
        auto result = Committed::zeroed;
        for (std::size_t done = 0; done < pages;) {
            auto& unit = units_[first + done / pages_a_unit];
            auto const wanted = std::min(pages_a_unit, pages - done);
            if (unit.committed_pages != 0) {
                result = held == Committed::dirty ? held : result;
            }
            if (unit.committed_pages >= wanted) {
                done += pages_a_unit;
                continue;
            }
            auto const from = done + unit.committed_pages;
            auto const to = end_of_missing(first, done, pages);
            if (!commit_pages(first, from, to, result)) {
                return Committed::failed;
            }
            if constexpr (CanPopulate<Source>) {
                if (touch == Touch::at_once) {
                    source_.populate(at(address_of(first) + from * page_bytes),
                                     (to - from) * page_bytes);
                }
            }
            done = (to + pages_a_unit - 1) / pages_a_unit * pages_a_unit;
        }
        return result;
    }

    // Whether the first pages of a run are usable. Not each unit's are, if the last one's are: a run may
    // consist of several that were free.
    bool is_committed(std::uint32_t first, std::size_t pages) const {
        for (std::size_t done = 0; done < pages; done += pages_a_unit) {
            if (units_[first + done / pages_a_unit].committed_pages <
                std::min(pages_a_unit, pages - done)) {
                return false;
            }
        }
        return true;
    }

    // Takes the pages of units away.
    void decommit(std::uint32_t first, std::uint32_t count) {
        for (auto i = first; i < first + count;) {
            if (units_[i].committed_pages == 0) {
                ++i;
                continue;
            }
            auto const from = i;
            std::size_t pages = 0;
            do {
                pages = (i - from) * pages_a_unit + units_[i].committed_pages;
                units_[i].committed_pages = 0;
                ++i;
            } while (i < first + count && pages % pages_a_unit == 0 &&
                     units_[i].committed_pages != 0);
            decommit_pages(address_of(from), pages);
        }
    }
    // Takes all but the first pages of a run away.
    void decommit_behind(std::uint32_t first, std::uint32_t count, std::size_t pages) {
        auto const whole = static_cast<std::uint32_t>((pages + pages_a_unit - 1) / pages_a_unit);
        if (auto const kept = pages % pages_a_unit; kept != 0) {
            auto& unit = units_[first + whole - 1];
            if (unit.committed_pages > kept) {
                decommit_pages(address_of(first + whole - 1) + kept * page_bytes,
                               unit.committed_pages - kept);
                unit.committed_pages = static_cast<std::uint8_t>(kept);
            }
        }
        decommit(first + whole, count - whole);
    }

    // Takes some of a run's first 32 pages away, a bit each, which stay usable; they count as committed.
    void discard(std::uint32_t first, std::uint32_t pages) {
        while (pages != 0) {
            auto const from = static_cast<std::size_t>(std::countr_zero(pages));
            auto const length = static_cast<std::size_t>(std::countr_one(pages >> from));
            decommit_pages(address_of(first) + from * page_bytes, length);
            pages &= static_cast<std::uint32_t>(~(((std::uint64_t{1} << length) - 1) << from));
        }
    }
    // Some of them are in use again, or are to be like all others.
    void count_restored(std::uint64_t pages) { count(pages_taken_, pages); }

    // Puts units out of reach, if the source can; in any case their pages are taken away.
    void guard(std::uint32_t first, std::uint32_t count) {
        if constexpr (CanGuard<Source>) {
            if (source_.guard(at(address_of(first)), count * unit_bytes)) {
                std::uint64_t pages = 0;
                for (auto i = first; i < first + count; ++i) {
                    pages += units_[i].committed_pages;
                    units_[i].committed_pages = 0;
                    units_[i].is_guarded = true;
                }
                this->count(pages_returned_, pages);
                this->count(decommits_, 1);
                return;
            }
        }
        decommit(first, count);
    }
    // Puts units out of reach with what they hold, if the source can; else as guard does.
    void hide(std::uint32_t first, std::uint32_t count) {
        if constexpr (CanGuard<Source>) {
            if (source_.hide(at(address_of(first)), count * unit_bytes)) {
                for (auto i = first; i < first + count; ++i) {
                    units_[i].is_guarded = true;
                }
                return;
            }
        }
        guard(first, count);
    }
    // Zeroes what of the first pages of a run is committed.
    void clear(std::uint32_t first, std::size_t pages) {
        for (std::size_t done = 0; done < pages; done += pages_a_unit) {
            auto const index = first + static_cast<std::uint32_t>(done / pages_a_unit);
            auto const here = std::min<std::size_t>(units_[index].committed_pages, pages - done);
            __builtin_memset(reinterpret_cast<void*>(address_of(index)), 0, here * page_bytes);
        }
    }
    // The opposite of guard and hide.
    void unguard(std::uint32_t first, std::uint32_t count) {
        if constexpr (CanGuard<Source>) {
            for (auto i = first; i < first + count; ++i) {
                auto const from = i;
                for (; i < first + count && units_[i].is_guarded; ++i) {
                    units_[i].is_guarded = false;
                }
                if (i != from) {
                    source_.unguard(at(address_of(from)), (i - from) * unit_bytes);
                }
            }
        }
    }

    // Moves the pages of one run to another, which has at least as many units. Its own go to the first one, or
    // are lost. False if the source cannot.
    enum class Others : bool { are_lost, are_kept };
    bool move_pages(std::uint32_t from, std::uint32_t to, std::size_t pages, Others others) {
        if constexpr (CanMove<Source>) {
            auto const units =
                static_cast<std::uint32_t>((pages + pages_a_unit - 1) / pages_a_unit);
            if constexpr (CanExchange<Source>) {
                if (others == Others::are_kept && holds_much(to, units)) {
                    return exchange_pages(from, to, units);
                }
            }
            decommit(to, units);
            decommit_behind(from, units, pages);  // the last unit may have more from before
            if (!source_.move(at(address_of(from)), at(address_of(to)), pages * page_bytes)) {
                return false;
            }
            for (std::uint32_t i = 0; i < units; ++i) {
                units_[to + i].committed_pages = units_[from + i].committed_pages;
                units_[from + i].committed_pages = 0;
            }
            return true;
        } else {
            return false;
        }
    }

    // Takes the pages of runs away that have been free for so many ticks.
    void purge(std::uint32_t age_ticks) {
        auto const time = now();
        for (auto& list : free_) {
            for (auto index = list.first(); index != 0; index = units_[index].next) {
                if (time - units_[index].freed_at >= age_ticks) {
                    decommit(index, units_[index].run_units);
                }
            }
        }
    }
    // Takes so many pages of free runs away, if there are as many: the longest runs first, from their ends.
    void shed(std::size_t pages) {
        for (auto bucket = bucket_count; bucket-- != 0;) {
            for (auto run = free_[bucket].first(); run != 0; run = units_[run].next) {
                auto const end = run + units_[run].run_units;
                auto from = end;
                while (from != run && pages != 0) {
                    pages -= std::min<std::size_t>(pages, units_[--from].committed_pages);
                }
                decommit(from, end - from);
                if (pages == 0) {
                    return;
                }
            }
        }
    }
    // How many of the first pages of a run are not usable yet.
    std::size_t missing_pages(std::uint32_t first, std::size_t pages) const {
        std::size_t missing = 0;
        for (std::size_t done = 0; done < pages; done += pages_a_unit) {
            auto const here = std::min(pages_a_unit, pages - done);
            auto const held = units_[first + done / pages_a_unit].committed_pages;
            missing += here > held ? here - held : 0;
        }
        return missing;
    }
    std::uint32_t now() {
        if constexpr (HasClock<Source>) {
            return source_.ticks();
        } else {
            return 0;
        }
    }

    std::uint64_t pages_taken() const { return pages_taken_.load(std::memory_order_relaxed); }
    std::uint64_t pages_returned() const { return pages_returned_.load(std::memory_order_relaxed); }
    std::uint64_t commits() const { return commits_.load(std::memory_order_relaxed); }
    std::uint64_t decommits() const { return decommits_.load(std::memory_order_relaxed); }
    std::uint64_t metadata_bytes() const { return metadata_committed_; }

    // Gives the whole window back.
    void release() {
        if (base_ != 0) {
            decommit(0, used_units_);
            decommit_pages(reinterpret_cast<std::uintptr_t>(units_),
                           metadata_committed_ / page_bytes);
            source_.release(reinterpret_cast<std::byte*>(units_), reserved_bytes_);
        }
    }

  private:
    static constexpr std::size_t bucket_count = 32;
    static constexpr std::size_t least_window = std::size_t{1} << 20;
    static std::size_t bucket_of(std::uint32_t units) {
        return static_cast<std::size_t>(std::bit_width(units)) - 1;
    }
    static std::byte* at(std::uintptr_t address) { return reinterpret_cast<std::byte*>(address); }
    static void count(std::atomic<std::uint64_t>& counter, std::uint64_t more) {
        counter.fetch_add(more, std::memory_order_relaxed);
    }

    // The end of the pages from `done` on that must be committed and adjoin each other.
    std::size_t end_of_missing(std::uint32_t first, std::size_t done, std::size_t pages) const {
        auto end = std::min(pages, done + pages_a_unit);
        while (end < pages && units_[first + end / pages_a_unit].committed_pages == 0) {
            end = std::min(pages, end + pages_a_unit);
        }
        return end;
    }
    bool commit_pages(std::uint32_t first, std::size_t from, std::size_t to, Committed& result) {
        auto const got =
            source_.commit(at(address_of(first) + from * page_bytes), (to - from) * page_bytes);
        if (got == Committed::failed) {
            return false;
        }
        count(pages_taken_, to - from);
        count(commits_, 1);
        if (got == Committed::dirty) {
            result = got;
        }
        for (auto page = from / pages_a_unit * pages_a_unit; page < to; page += pages_a_unit) {
            units_[first + page / pages_a_unit].committed_pages =
                static_cast<std::uint8_t>(std::min(pages_a_unit, to - page));
        }
        return true;
    }
    void decommit_pages(std::uintptr_t address, std::size_t pages) {
        source_.decommit(at(address), pages * page_bytes);
        count(pages_returned_, pages);
        count(decommits_, 1);
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

    bool holds_much(std::uint32_t first, std::uint32_t count) const {
        std::size_t pages = 0;
        for (auto i = first; i < first + count; ++i) {
            pages += units_[i].committed_pages;
        }
        return pages > count * pages_a_unit / 8;
    }
    // The pages at both places stay what they are, at each other's.
    bool exchange_pages(std::uint32_t one, std::uint32_t other, std::uint32_t count) {
        if (!source_.exchange(at(address_of(one)), at(address_of(other)), count * unit_bytes)) {
            return false;
        }
        for (std::uint32_t i = 0; i < count; ++i) {
            std::swap(units_[one + i].committed_pages, units_[other + i].committed_pages);
        }
        return true;
    }

    static std::uint32_t aligned(std::uint32_t index, std::uint32_t align_units) {
        return (index + align_units - 1) & ~(align_units - 1);
    }

    // Fresh units at the end of what was used so far, with room to align.
    std::uint32_t extend(std::uint32_t count, std::uint32_t align_units) {
        if (base_ == 0 && !reserve()) {
            return 0;
        }
        auto const first = std::max(used_units_, std::uint32_t{1});
        auto const wanted = aligned(first, align_units) - first + count;
        if (wanted > window_units_ - first &&
            (wanted > most_window_units_ - first || !extend_window(first + wanted))) {
            return 0;
        }
        if (!commit_metadata(first + wanted)) {
            return 0;
        }
        used_units_ = first + wanted;
        metadata_end_ = reinterpret_cast<std::uintptr_t>(units_ + used_units_);
        units_[first].run_units = wanted;
        return first;
    }
    bool commit_metadata(std::uint32_t units) {
        auto const needed =
            (std::size_t{units} * sizeof(Unit) + page_bytes - 1) & ~(page_bytes - 1);
        if (needed <= metadata_committed_) {
            return true;
        }
        auto* const from = reinterpret_cast<std::byte*>(units_) + metadata_committed_;
        auto const bytes = needed - metadata_committed_;
        auto const result = source_.commit(from, bytes);
        if (result == Committed::failed) {
            return false;
        }
        if (result == Committed::dirty) {
            __builtin_memset(from, 0, bytes);
        }
        count(pages_taken_, bytes / page_bytes);
        count(commits_, 1);
        metadata_committed_ = needed;
        return true;
    }

    void give(std::uint32_t first, std::uint32_t count, std::uint32_t freed_at) {
        if (count == 0) {
            return;
        }
        auto& head = units_[first];
        auto& tail = units_[first + count - 1];
        head.kind = UnitKind::free_run;
        tail.kind = UnitKind::free_run;
        head.run_units = count;
        tail.run_units = count;
        head.freed_at = freed_at;
        free_[bucket_of(count)].push(units_, first);
    }
    void unlink(std::uint32_t first) {
        auto& head = units_[first];
        free_[bucket_of(head.run_units)].remove(units_, first);
        units_[first + head.run_units - 1].kind = UnitKind::untouched;
        head.kind = UnitKind::untouched;
    }

    // First fit in the request's own bucket, then any of the larger ones.
    std::uint32_t find_free(std::uint32_t count, std::uint32_t align_units) {
        for (auto bucket = bucket_of(count); bucket < bucket_count; ++bucket) {
            for (auto run = free_[bucket].first(); run != 0; run = units_[run].next) {
                if (aligned(run, align_units) - run + count <= units_[run].run_units) {
                    unlink(run);
                    return run;
                }
            }
        }
        return 0;
    }

    Unit* units_ = nullptr;
    std::uintptr_t base_ = 0;
    std::uintptr_t metadata_end_ = 0;
    std::uint32_t used_units_ = 0;
    std::uint32_t window_units_ = 0;
    std::uint32_t most_window_units_ = 0;
    std::size_t reserved_bytes_ = 0;
    std::size_t metadata_committed_ = 0;
    std::atomic<std::uint64_t> pages_taken_ = 0;
    std::atomic<std::uint64_t> pages_returned_ = 0;
    std::atomic<std::uint64_t> commits_ = 0;
    std::atomic<std::uint64_t> decommits_ = 0;
    std::array<UnitList, bucket_count> free_{};
    [[no_unique_address]] Source source_;
};

}  // namespace slab
