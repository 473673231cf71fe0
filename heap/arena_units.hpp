// Units: how they come and go, and what is said of a pointer into one. Included by arena.hpp.
#pragma once

#include "heap/arena.hpp"

#include <bit>
#include <mutex>

namespace slab {

template <HeapConfig Config>
void* Arena<Config>::allocate_own(std::size_t bytes) {
    auto const pages = whole_pages(bytes);
    auto const units = static_cast<std::uint32_t>(units_of(pages));
    auto const index = take(units, 1, UnitKind::own);
    if (index == 0) {
        return nullptr;
    }
    if (runs_.commit(index, pages) == Committed::failed) {
        put(index);
        return nullptr;
    }
    auto* const memory = reinterpret_cast<void*>(runs_.address_of(index));
    __builtin_memset(memory, 0, bytes);
    return memory;
}

template <HeapConfig Config>
std::uint32_t Arena<Config>::take_locked(std::uint32_t units, std::uint32_t align_units,
                                         UnitKind kind, std::uint32_t room) {
    auto const behind = guard_units + room;
    auto const index = runs_.take(units + behind, align_units, Config::self());
    if (index == 0) {
        return 0;
    }
    set_up(index, units + behind, kind);
    if constexpr (is_hardened<Config>) {
        runs_.unguard(index, units);
        if (kind == UnitKind::slab) {  // for ever: others have better use for its pages
            retired_.moved().renew(runs_, {.first = index + units, .end = index + units + behind});
        }
        runs_.guard(index + units, behind);
    } else {
        make_up_for(index, units * pages_a_unit);
    }
    if (!has_key_) {
        has_key_ = true;  // before anything is linked
        key_ = LinkKey{random(), runs_.base(), runs_.most_window_end()};
        if constexpr (is_hardened<Config>) {
            tag_key_ = TagKey(key_);
        }
    }
    return index;
}

template <HeapConfig Config>
void Arena<Config>::set_up(std::uint32_t index, std::uint32_t units, UnitKind kind) {
    for (auto i = index + 1; i < index + units; ++i) {
        runs_.unit(i).kind = UnitKind::inner;
        runs_.unit(i).head = index;
    }
    auto& unit = runs_.unit(index);
    unit.kind = kind;
    unit.is_sample = false;
    unit.run_units = units;
}

template <HeapConfig Config>
void Arena<Config>::put_locked(std::uint32_t index) {
    auto& unit = runs_.unit(index);
    UnitKind const kind = unit.kind;
    bool const had_blocks = kind == UnitKind::slab || kind == UnitKind::mixed;
    if (had_blocks && unit.absent_pages() != 0) {
        runs_.count_restored(static_cast<std::uint64_t>(std::popcount(unit.absent_pages())));
        unit.set_absent_pages(0);
    }
    if (!had_blocks && kind != UnitKind::large && kind != UnitKind::own) [[unlikely]] {
        // A large block that two threads freed at once.
        return fail(double_free, reinterpret_cast<void const*>(runs_.address_of(index)));
    }
    if constexpr (is_hardened<Config>) {
        if (kind == UnitKind::slab) {
            return retired_.put_slab(runs_, index);
        }
        if (kind == UnitKind::large) {
            return resting_.put(runs_, index, Config::self());
        }
    }
    runs_.put(index, unit.run_units, Config::self());
}

template <HeapConfig Config>
void Arena<Config>::fail(char const* what, void const* pointer) {
    auto const* const unit = head_at(reinterpret_cast<std::uintptr_t>(pointer));
    std::size_t bytes = 0;
    if (unit != nullptr && unit->kind == UnitKind::slab) {
        bytes = class_bytes(unit->size_class);
    } else if (unit != nullptr &&
               (unit->kind == UnitKind::large || unit->kind == UnitKind::resting)) {
        bytes = large_bytes(*unit);
    }
    runs_.source().fail(what, pointer, bytes);
}

}  // namespace slab
