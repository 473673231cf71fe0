#include "user/rt/walk.hpp"

#include <span>

namespace quarry::walk {
namespace {

constexpr std::uint64_t per_table = abi::huge_pages;

// The first entry from `index` on that is not zero; `end` if there is none. One string instruction,
// because most of a table is empty.
std::uint64_t first_used(std::uint64_t array, std::uint64_t index, std::uint64_t end) {
    auto at = array + index * sizeof(Entry);
    auto left = end - index;
    bool found = false;
    asm volatile("test %1, %1\n repe scasq"
                 : "+D"(at), "+c"(left), "=@ccnz"(found)
                 : "a"(Entry{0})
                 : "memory");
    return found ? (at - array) / sizeof(Entry) - 1 : end;
}

// The next place from `address` on that a table of this level maps; `shift` is of one entry. The
// search stays within one table and goes on after it, if there is none.
struct Level {
    std::uint64_t array;
    unsigned shift;
};
constexpr Level levels[] = {{abi::native_self_map.root(), 39},
                            {abi::native_self_map.directories(), 30},
                            {abi::native_self_map.tables(), 21}};

}  // namespace

bool has_others(std::uint64_t address, std::uint64_t pages) {
    auto const array = abi::native_self_map.pages();
    auto const first = address >> abi::page_shift;
    auto const begin = first & ~(per_table - 1);
    auto const after = first + pages;
    auto const end = begin + per_table;
    return first_used(array, begin, first) != first || first_used(array, after, end) != end;
}

// The level to go on from: the highest one whose table is another than that of the place where the
// search was, where all tables are there.
std::size_t Regions::first_level() const {
    std::size_t level = 0;
    while (level + 1 < std::size(levels) && (next_ ^ searched_) >> levels[level].shift == 0) {
        ++level;
    }
    return level;
}

// Goes on to the next place that a table of the lowest level here maps; false if a table on the way
// ended first, or the top came.
bool Regions::descend() {
    for (auto const& [array, shift] : std::span(levels).subspan(first_level())) {
        auto const index = next_ >> shift;
        auto const end = std::min((index / per_table + 1) * per_table, ((top_ - 1) >> shift) + 1);
        auto const used = first_used(array, index, end);
        if (used != index) {
            next_ = used << shift;
        }
        if (used == end) {
            return false;
        }
        searched_ = next_;
    }
    return true;
}

std::optional<std::uint64_t> Regions::next() {
    while (next_ < top_) {
        if (descend()) {
            auto const region = next_;
            next_ += abi::huge_bytes;
            if ((directory_entry(region) & kernels_own) == 0) {
                return region;
            }
        }
    }
    return std::nullopt;
}

bool Runs::find_table() {
    auto const region = regions_.next();
    if (!region) {
        return false;
    }
    table_ = *region;
    bool const begins_here = begin_ > table_ && begin_ - table_ < abi::huge_bytes;
    index_ = begins_here ? (begin_ - table_) >> abi::page_shift : 0;
    return true;
}

void Runs::look_again() {
    if (index_ < per_table) {
        begin_ = table_ + (index_ << abi::page_shift);
        index_ = per_table;
        regions_.look_again(begin_);
    } else {
        regions_.look_again(table_ + abi::huge_bytes);
    }
}

std::optional<Run> Runs::next_in_table() {
    auto const first = table_ >> abi::page_shift;
    auto const array = abi::native_self_map.pages();
    auto const used = first_used(array, first + index_, first + per_table) - first;
    if (used == per_table) {
        index_ = per_table;
        return std::nullopt;
    }
    auto const* const entries = entries_at(array);
    auto const kind = entries[first + used] & kind_bits;
    auto end = used + 1;
    while (end < per_table && (entries[first + end] & kind_bits) == kind) {
        ++end;
    }
    index_ = end;
    return Run{(first + used) << abi::page_shift, end - used, kind};
}

std::optional<Run> Runs::next() {
    for (;;) {
        if (index_ < per_table) {
            if (auto const run = next_in_table()) {
                return run;
            }
        }
        if (!find_table()) {
            return std::nullopt;
        }
        auto const directory = directory_entry(table_);
        if ((directory & huge) != 0) {
            index_ = per_table;
            return Run{table_, per_table, directory & kind_bits};
        }
    }
}

}  // namespace quarry::walk
