#include "user/linux/mapping.hpp"

#include "user/rt/call.hpp"

#include <algorithm>

namespace quarry::libos {

bool Mapping::continues(Mapping const& before) const {
    return before.end == begin && before.protection == protection && before.kind == kind &&
           before.handle == handle && before.is_stack == is_stack &&
           before.is_program_break == is_program_break && before.is_heap_window == is_heap_window &&
           (kind == MappingKind::anonymous || before.offset_of(begin) == offset);
}

std::span<Mapping> MappingList::all() {
    return {reinterpret_cast<Mapping*>(mappings_base), count_};
}

std::size_t MappingList::index_from(std::uint64_t address) {
    auto const list = all();
    if (last_ < count_ && list[last_].contains(address)) {
        return last_;
    }
    auto const found = std::ranges::partition_point(
        list, [&](Mapping const& each) { return each.end <= address; });
    last_ = static_cast<std::size_t>(found - list.begin());
    return last_;
}

Mapping* MappingList::find(std::uint64_t address) {
    auto const index = index_from(address);
    return index < count_ && all()[index].contains(address) ? &all()[index] : nullptr;
}

bool MappingList::insert_at(std::size_t index, Mapping const& mapping) {
    auto const needed = (count_ + 1) * sizeof(Mapping);
    if (needed > mappings_bytes) {
        return false;
    }
    if (needed > pages_ * page_bytes) {
        if (!page_alloc(own_space, {mappings_base + pages_ * page_bytes, 1},
                        abi::permission::write)) {
            return false;
        }
        ++pages_;
    }
    ++count_;
    auto const list = all();
    std::ranges::move_backward(list.subspan(index, count_ - 1 - index), list.end());
    list[index] = mapping;
    return true;
}

void MappingList::erase(std::size_t first, std::size_t last) {
    auto const list = all();
    std::ranges::move(list.subspan(last), list.subspan(first).begin());
    count_ -= last - first;
}

bool MappingList::split(std::uint64_t address) {
    auto const index = index_from(address);
    if (index == count_ || all()[index].begin >= address) {
        return true;
    }
    auto upper = all()[index];
    upper.offset = upper.offset_of(address);
    upper.begin = address;
    if (!insert_at(index + 1, upper)) {
        return false;
    }
    all()[index].end = address;
    return true;
}

bool MappingList::remove(std::uint64_t begin, std::uint64_t end) {
    if (!split(begin) || !split(end)) {
        return false;
    }
    erase(index_from(begin), index_from(end - 1) + (find(end - 1) != nullptr ? 1 : 0));
    return true;
}

void MappingList::join(std::uint64_t begin, std::uint64_t end) {
    auto index = index_from(begin == 0 ? 0 : begin - 1);
    while (index + 1 < count_ && all()[index].begin < end) {
        auto const list = all();
        if (list[index + 1].continues(list[index])) {
            list[index].end = list[index + 1].end;
            erase(index + 1, index + 2);
        } else {
            ++index;
        }
    }
}

bool MappingList::add(Mapping const& mapping) {
    if (!insert_at(index_from(mapping.begin), mapping)) {
        return false;
    }
    join(mapping.begin, mapping.end + 1);
    return true;
}

bool MappingList::is_free(std::uint64_t begin, std::uint64_t end) {
    auto const index = index_from(begin);
    return index == count_ || all()[index].begin >= end;
}

std::optional<std::uint64_t> MappingList::find_free(std::uint64_t bytes, std::uint64_t alignment,
                                                    std::uint64_t top) {
    auto const list = all();
    auto index = index_from(top);
    auto limit = top;
    if (index < count_ && list[index].begin < top) {
        limit = list[index].begin;
    }
    for (;;) {
        auto const floor = index == 0 ? lowest_mapping : list[index - 1].end;
        if (limit >= bytes) {
            auto const at = (limit - bytes) & ~(alignment - 1);
            if (at >= floor) {
                return at;
            }
        }
        if (index == 0) {
            return std::nullopt;
        }
        limit = list[--index].begin;
    }
}

}  // namespace quarry::libos
