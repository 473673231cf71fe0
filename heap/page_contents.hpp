// What committed pages hold: that it is nothing, and making it so. Pages that were never touched stay untouched, if
// the source knows which those are.
#pragma once

#include "heap/page_source.hpp"
#include "heap/zeros.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

namespace slab {

// Of a source's committed pages. What was never touched, or went to a swap device, is absent(address, pages)'s affair, who
// takes it away: so it is zero.
template <PageSource Source, typename Absent>
class PageContents {
  public:
    PageContents(Source& source, Absent absent) : source_(source), absent_(absent) {}

    // Makes pages zero.
    void clear(std::uintptr_t address, std::size_t pages) {
        for_each_run(address, pages, [](std::uintptr_t run, std::size_t bytes) {
            __builtin_memset(reinterpret_cast<void*>(run), 0, bytes);
        });
    }
    // The same for pages that are zero already, if nobody wrote to them: where that is not so, or 0.
    std::uintptr_t clear_again(std::uintptr_t address, std::size_t pages) {
        std::uintptr_t found = 0;
        for_each_run(address, pages, [&](std::uintptr_t run, std::size_t bytes) {
            if (is_zero(run, bytes)) [[likely]] {
                return;
            }
            if (found == 0) {
                found = first_nonzero(run);
            }
            __builtin_memset(reinterpret_cast<void*>(run), 0, bytes);
        });
        return found;
    }

  private:
    // Calls visit(address, bytes) for what may hold something.
    template <typename Visit>
    void for_each_run(std::uintptr_t address, std::size_t pages, Visit visit) {
        if constexpr (KnowsResident<Source>) {
            for (std::size_t done = 0; done < pages; done += most_at_once) {
                auto const part = std::min(most_at_once, pages - done);
                visit_part(address + done * page_bytes, part, visit);
            }
        } else {
            visit(address, pages * page_bytes);
        }
    }
    template <typename Visit>
    void visit_part(std::uintptr_t address, std::size_t pages, Visit visit) {
        std::array<unsigned char, most_at_once> resident;
        if (!source_.find_resident(reinterpret_cast<std::byte*>(address), pages, resident.data()) ||
            changes(resident, pages) > most_changes) {
            return absent_(address, pages);
        }
        for (std::size_t from = 0; from < pages;) {
            auto const is_resident = resident[from];
            auto to = from + 1;
            while (to < pages && resident[to] == is_resident) {
                ++to;
            }
            if (is_resident != 0) {
                visit(address + from * page_bytes, (to - from) * page_bytes);
            } else {
                absent_(address + from * page_bytes, to - from);
            }
            from = to;
        }
    }

    // Each part that is to be taken away is a system call: rather all of it, if there are many.
    static constexpr std::size_t most_at_once = 512;
    static constexpr std::size_t most_changes = 16;
    static std::size_t changes(std::array<unsigned char, most_at_once> const& resident,
                               std::size_t pages) {
        std::size_t changes = 0;
        for (std::size_t i = 1; i < pages; ++i) {
            changes += resident[i] != resident[i - 1] ? 1 : 0;
        }
        return changes;
    }

    static bool is_zero(std::uintptr_t address, std::size_t bytes) {
        auto const* at = reinterpret_cast<Vector const*>(address);
        for (auto const* const end = at + bytes / sizeof(Vector); at != end; at += 8) {
            // Written out, since whoever wants small code gets a loop else.
            Vector const all = (at[0] | at[1] | at[2] | at[3]) | (at[4] | at[5] | at[6] | at[7]);
            if ((all[0] | all[1]) != 0) {
                return false;
            }
        }
        return true;
    }
    static std::uintptr_t first_nonzero(std::uintptr_t address) {
        while (*reinterpret_cast<std::uint64_t const*>(address) == 0) {
            address += sizeof(std::uint64_t);
        }
        return address;
    }

    Source& source_;
    Absent absent_;
};

}  // namespace slab
