// The pages that are there in a part of the program's memory, run by run.
#pragma once

#include "base/result.hpp"
#include "user/linux/layout.hpp"
#include "user/rt/walk.hpp"

#include <algorithm>
#include <cstdint>

namespace quarry::libos {

// Calls function(range, kind) for what is mapped in [begin, end), in runs of at most 512 pages.
template <typename Function>
Result<void> each_run(std::uint64_t begin, std::uint64_t end, Function function) {
    constexpr std::uint64_t few = 4 * page_bytes;  // which are looked at one by one
    if (end - begin <= few) {
        for (auto page = begin; page < end; page += page_bytes) {
            if (auto const entry = walk::find_entry(page)) {
                TRY(function(abi::PageRange{page, 1}, {page, 1, entry & walk::kind_bits}));
            }
        }
        return {};
    }
    walk::Runs runs{end, begin};
    while (auto const run = runs.next()) {
        auto const first = std::max(run->address, begin);
        auto const last = std::min(run->address + run->pages * page_bytes, end);
        if (first >= end) {
            break;
        }
        if (first < last) {
            TRY(function(abi::PageRange{first, (last - first) / page_bytes}, *run));
            runs.look_again();
        }
    }
    return {};
}

}  // namespace quarry::libos
