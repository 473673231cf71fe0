// mmap and its kin: changes of the mapping list, and of what is already there.
#include "user/linux/calls.hpp"
#include "user/linux/limits.hpp"
#include "user/linux/memory.hpp"
#include "user/linux/page_ranges.hpp"
#include "user/linux/server.hpp"
#include "user/linux/uapi.hpp"

#include <algorithm>
#include <mutex>

namespace quarry::libos {

Result<void> protect_pages(std::uint64_t begin, std::uint64_t end, std::uint32_t protection);
Result<void> move_pages(std::uint64_t from, std::uint64_t end, std::uint64_t to);

namespace {

constexpr std::uint64_t known_protection = PROT_READ | PROT_WRITE | PROT_EXEC;

// What a descriptor's or a shared mapping is of: the server's handle, or an error.
std::int64_t handle_for(std::uint64_t flags, std::uint64_t protection, std::uint64_t descriptor,
                        std::uint64_t bytes) {
    bool const shared = (flags & MAP_TYPE) != MAP_PRIVATE;
    if ((flags & MAP_ANONYMOUS) != 0) {
        return shared ? ask(protocol::Operation::map_anonymous, bytes) : 0;
    }
    return ask(protocol::Operation::map_open, descriptor,
               shared && (protection & PROT_WRITE) != 0 ? 1 : 0);
}

std::int64_t place(Mapping& mapping, std::uint64_t hint, std::uint64_t bytes, std::uint64_t flags) {
    if ((flags & (MAP_FIXED | MAP_FIXED_NOREPLACE)) != 0) {
        if (!is_range(hint, bytes)) {
            return is_aligned(hint) ? -ENOMEM : -EINVAL;
        }
        if (hint < lowest_mapping) {
            return -EPERM;
        }
        if ((flags & MAP_FIXED_NOREPLACE) != 0 && !memory.mappings.is_free(hint, hint + bytes)) {
            return -EEXIST;
        }
        mapping.begin = hint;
    } else {
        hint = pages_up(hint);
        bool const hint_fits = hint >= lowest_mapping && is_range(hint, bytes) &&
                               memory.mappings.is_free(hint, hint + bytes);
        auto const free = hint_fits ? std::optional{hint}
                                    : memory.mappings.find_free(bytes, page_bytes, mappings_top);
        if (!free) {
            return -ENOMEM;
        }
        mapping.begin = *free;
    }
    mapping.end = mapping.begin + bytes;
    return replace(mapping) ? static_cast<std::int64_t>(mapping.begin) : -ENOMEM;
}

// More than there is, which Linux refuses at once; less may still turn out too much.
bool exceeds_memory(std::uint64_t bytes) {
    constexpr std::uint64_t always_fine = std::uint64_t{1} << 24;
    abi::AccountStatus account{};
    return bytes > always_fine && account_status(own_space, {&account}) &&
           bytes / page_bytes > account.limit_pages;
}

}  // namespace

namespace calls {

std::int64_t mmap(Registers& r) {
    auto const [hint, length, protection, flags, descriptor, offset] = arguments_of(r);
    auto const type = flags & MAP_TYPE;
    if (length == 0 || !is_aligned(offset) ||
        (type != MAP_PRIVATE && type != MAP_SHARED && type != MAP_SHARED_VALIDATE)) {
        return -EINVAL;
    }
    if (length > user_top) {
        return -ENOMEM;
    }
    auto const bytes = pages_up(length);
    if ((flags & MAP_ANONYMOUS) == 0 && offset + bytes < offset) {
        return -EOVERFLOW;
    }
    constexpr auto counted = MAP_ANONYMOUS | MAP_PRIVATE;
    if ((flags & (counted | MAP_NORESERVE)) == counted && (protection & PROT_WRITE) != 0 &&
        exceeds_memory(bytes)) {
        return -ENOMEM;
    }
    auto const handle = handle_for(flags, protection, descriptor, bytes);
    if (handle < 0) {
        return handle;
    }
    Mapping mapping{.handle = static_cast<std::uint64_t>(handle),
                    .offset = (flags & MAP_ANONYMOUS) != 0 ? 0 : offset,
                    .protection = static_cast<std::uint32_t>(protection & known_protection),
                    .kind = type != MAP_PRIVATE            ? MappingKind::shared
                            : (flags & MAP_ANONYMOUS) != 0 ? MappingKind::anonymous
                                                           : MappingKind::private_file};
    std::lock_guard const guard{memory.lock};
    bool const is_own = type == MAP_PRIVATE && (protection & PROT_WRITE) != 0;
    return within_memory_limits(bytes, is_own) ? place(mapping, hint, bytes, flags) : -ENOMEM;
}

std::int64_t munmap(Registers& r) {
    auto const bytes = pages_up(r.rsi);
    if (!is_range(r.rdi, bytes)) {
        return -EINVAL;
    }
    std::lock_guard const guard{memory.lock};
    if (!memory.mappings.remove(r.rdi, r.rdi + bytes)) {
        return -ENOMEM;
    }
    drop_pages(r.rdi, r.rdi + bytes);
    return 0;
}

std::int64_t mprotect(Registers& r) {
    auto const begin = r.rdi;
    auto const bytes = pages_up(r.rsi);
    auto const protection = static_cast<std::uint32_t>(r.rdx & known_protection);
    if (!is_aligned(begin) || (r.rdx & ~(known_protection | PROT_GROWSDOWN | PROT_GROWSUP)) != 0) {
        return -EINVAL;
    }
    if (r.rsi == 0) {
        return 0;
    }
    auto const end = begin + bytes;
    if (bytes == 0 || end > user_top || end < begin) {
        return -ENOMEM;
    }
    std::lock_guard const guard{memory.lock};
    std::uint64_t reached = 0;
    if (!memory.mappings.protect(begin, end, protection, reached) ||
        !protect_pages(begin, reached, protection)) {
        return -ENOMEM;
    }
    if (reached == end) {
        return 0;
    }
    return memory.mappings.find(reached) != nullptr ? -EACCES : -ENOMEM;
}

std::int64_t mremap(Registers& r) {
    auto const [begin, old_length, new_length, flags, wanted, unused] = arguments_of(r);
    auto const old_bytes = pages_up(old_length);
    auto const new_bytes = pages_up(new_length);
    bool const may_move = (flags & MREMAP_MAYMOVE) != 0;
    bool const fixed = (flags & MREMAP_FIXED) != 0;
    bool const keeps = (flags & MREMAP_DONTUNMAP) != 0;  // the old place stays, empty
    if (!is_aligned(begin) || new_bytes == 0 || new_bytes > user_top || (fixed && !may_move) ||
        (flags & ~std::uint64_t{MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP}) != 0 ||
        (keeps && (!may_move || old_bytes != new_bytes)) || old_bytes == 0) {
        return -EINVAL;
    }
    if (fixed && (!is_range(wanted, new_bytes) ||
                  (wanted < begin + old_bytes && begin < wanted + new_bytes))) {
        return -EINVAL;
    }
    if (new_bytes > old_bytes && exceeds_memory(new_bytes - old_bytes)) {
        return -ENOMEM;
    }
    std::lock_guard const guard{memory.lock};
    auto& list = memory.mappings;
    auto const* const found = list.find(begin);
    if (found == nullptr || begin + old_bytes > found->end) {
        return -EFAULT;
    }
    if (new_bytes > old_bytes && !within_memory_limits(new_bytes - old_bytes, true)) {
        return -ENOMEM;
    }
    auto const old_end = begin + old_bytes;
    if (!fixed && !keeps && new_bytes <= old_bytes) {
        if (new_bytes < old_bytes) {
            if (!list.remove(begin + new_bytes, old_end)) {
                return -ENOMEM;
            }
            drop_pages(begin + new_bytes, old_end);
        }
        return static_cast<std::int64_t>(begin);
    }
    auto mapping = *found;
    mapping.offset = mapping.offset_of(begin);
    auto const new_end = begin + new_bytes;
    if (!fixed && !keeps && old_end == found->end && new_end <= user_top &&
        list.is_free(old_end, new_end)) {
        mapping.offset = mapping.offset + old_bytes;
        mapping.begin = old_end;
        mapping.end = new_end;
        return list.add(mapping) ? static_cast<std::int64_t>(begin) : -ENOMEM;
    }
    if (!may_move) {
        return -ENOMEM;
    }
    auto const free =
        fixed ? std::optional{wanted} : list.find_free(new_bytes, page_bytes, mappings_top);
    if (!free) {
        return -ENOMEM;
    }
    mapping.begin = *free;
    mapping.end = *free + new_bytes;
    if ((!keeps && !list.remove(begin, old_end)) || !replace(mapping)) {
        return -ENOMEM;
    }
    auto const kept = begin + std::min(old_bytes, new_bytes);
    if (!move_pages(begin, kept, *free)) {
        return -ENOMEM;
    }
    if (kept < old_end) {
        drop_pages(kept, old_end);
    }
    return static_cast<std::int64_t>(*free);
}

std::int64_t brk(Registers& r) {
    std::lock_guard const guard{memory.lock};
    auto const old_end = pages_up(memory.break_end);
    auto const wanted = r.rdi;
    auto const new_end = pages_up(wanted);
    bool const grows = new_end > old_end;
    if (wanted < memory.break_begin || wanted >= mappings_top ||
        (grows &&
         (!memory.mappings.is_free(old_end, new_end) || exceeds_memory(new_end - old_end) ||
          !within_memory_limits(new_end - old_end, true)))) {
        return static_cast<std::int64_t>(memory.break_end);
    }
    if (grows) {
        if (!memory.mappings.add({.begin = old_end,
                                  .end = new_end,
                                  .protection = PROT_READ | PROT_WRITE,
                                  .is_program_break = true})) {
            return static_cast<std::int64_t>(memory.break_end);
        }
    } else if (new_end < old_end) {
        if (!memory.mappings.remove(new_end, old_end)) {
            return static_cast<std::int64_t>(memory.break_end);
        }
        drop_pages(new_end, old_end);
    }
    memory.break_end = wanted;
    return static_cast<std::int64_t>(wanted);
}

}  // namespace calls
}  // namespace quarry::libos
