#include "user/linux/mapping.hpp"

#include "user/linux/protocol.hpp"
#include "user/linux/uapi.hpp"
#include "user/rt/call.hpp"

#include <algorithm>

namespace quarry::libos {

bool Mapping::could_continue(Mapping const& before) const {
    return before.end == begin && before.kind == kind && before.handle == handle &&
           before.is_stack == is_stack && before.is_program_break == is_program_break &&
           (kind == MappingKind::anonymous || before.offset_of(begin) == offset);
}

bool Mapping::allows(std::uint32_t wanted) const {
    return kind != MappingKind::shared || (wanted & PROT_WRITE) == 0 ||
           (handle & protocol::writable_handle) != 0;
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
    if (!duplicate(index)) {
        return false;
    }
    all()[index].end = address;
    all()[index + 1].begin_at(address);
    return true;
}

bool MappingList::duplicate(std::size_t index) {
    auto const copy = all()[index];
    return insert_at(index + 1, copy);
}

// A part of one mapping: it goes to the neighbour that it then continues, or becomes one of its own.
bool MappingList::protect_within(std::size_t index, std::uint64_t begin, std::uint64_t end,
                                 std::uint32_t protection) {
    auto* here = &all()[index];
    if (here->protection == protection) {
        return true;
    }
    bool const at_begin = here->begin == begin;
    bool const at_end = here->end == end;
    bool const joins_before = at_begin && index > 0 && here[-1].protection == protection &&
                              here->could_continue(here[-1]);
    bool const joins_after = at_end && index + 1 < count_ && here[1].protection == protection &&
                             here[1].could_continue(*here);
    if (joins_before) {
        here[-1].end = joins_after ? here[1].end : end;
        if (at_end) {
            erase(index, index + (joins_after ? 2 : 1));
        } else {
            here->begin_at(end);
        }
        return true;
    }
    if (joins_after) {
        here[1].begin_at(begin);
        if (at_begin) {
            erase(index, index + 1);
        } else {
            here->end = begin;
        }
        return true;
    }
    if (!at_begin) {
        if (!duplicate(index)) {
            return false;
        }
        here->end = begin;
        (++here)->begin_at(begin);
        ++index;
    }
    if (!at_end) {
        if (!duplicate(index)) {
            return false;
        }
        here->end = end;
        here[1].begin_at(end);
    }
    here->protection = protection;
    return true;
}

bool MappingList::protect(std::uint64_t begin, std::uint64_t end, std::uint32_t protection,
                          std::uint64_t& reached) {
    reached = end;
    if (last_ < count_) {  // nearly always one mapping, and the last one looked for
        auto const& last = all()[last_];
        if (last.begin <= begin && end <= last.end && last.allows(protection)) {
            return protect_within(last_, begin, end, protection);
        }
    }
    return protect_each(begin, end, protection, reached);
}

bool MappingList::protect_each(std::uint64_t begin, std::uint64_t end, std::uint32_t protection,
                               std::uint64_t& reached) {
    for (auto at = begin; at < end;) {
        auto const index = index_from(at);
        if (index == count_ || all()[index].begin > at || !all()[index].allows(protection)) {
            reached = at;
            return true;
        }
        auto const part_end = std::min(all()[index].end, end);
        if (!protect_within(index, at, part_end, protection)) {
            return false;
        }
        at = part_end;
    }
    return true;
}

bool MappingList::remove(std::uint64_t begin, std::uint64_t end) {
    if (!split(begin) || !split(end)) {
        return false;
    }
    erase(index_from(begin), index_from(end - 1) + (find(end - 1) != nullptr ? 1 : 0));
    return true;
}

bool MappingList::add(Mapping const& mapping) {
    auto const index = index_from(mapping.begin);
    auto* const next = all().data() + index;
    bool const joins_before = index > 0 && mapping.continues(next[-1]);
    bool const joins_after = index < count_ && next->continues(mapping);
    if (joins_before) {
        next[-1].end = joins_after ? next->end : mapping.end;
        if (joins_after) {
            erase(index, index + 1);
        }
        return true;
    }
    if (joins_after) {
        next->begin_at(mapping.begin);
        return true;
    }
    return insert_at(index, mapping);
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
