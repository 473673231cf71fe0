#include "user/linux/program_memory.hpp"

#include "user/linux/calls.hpp"
#include "user/linux/limits.hpp"
#include "user/linux/uapi.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <mutex>

extern "C" {
extern std::byte const libos_vdso_begin[];
extern std::byte const libos_vdso_end[];
}

namespace quarry::libos {
namespace {

std::uint64_t page_down(std::uint64_t address) { return address & ~(page_bytes - 1); }
std::uint64_t page_up(std::uint64_t address) { return page_down(address + page_bytes - 1); }

bool map_segments(Program const& program) {
    for (auto const& segment : program.executable.segments()) {
        auto const address = segment.address + program.bias;
        auto const begin = page_down(address);
        auto const file_end =
            segment.file_bytes == 0 ? begin : page_up(address + segment.file_bytes);
        auto const end = page_up(address + segment.memory_bytes);
        Mapping mapping{.begin = begin,
                        .end = file_end,
                        .handle = program.handle,
                        .offset = page_down(segment.offset),
                        .protection = segment.protection,
                        .kind = MappingKind::private_file};
        if (file_end != begin && !replace(mapping)) {
            return false;
        }
        if (end > file_end &&
            !replace({.begin = file_end, .end = end, .protection = segment.protection})) {
            return false;
        }
    }
    return true;
}

// What lies behind a segment's bytes in their last page is zero, not the file's.
bool clear_tails(Program const& program) {
    static constexpr std::array<std::byte, page_bytes> zeros{};
    for (auto const& segment : program.executable.segments()) {
        auto const end = segment.address + program.bias + segment.file_bytes;
        bool const writable = (segment.protection & PROT_WRITE) != 0;
        if (writable && segment.memory_bytes > segment.file_bytes && end % page_bytes != 0 &&
            !copy_out(end, zeros.data(), page_bytes - end % page_bytes)) {
            return false;
        }
    }
    return true;
}

std::uint64_t vdso_bytes() {
    return page_up(static_cast<std::uint64_t>(libos_vdso_end - libos_vdso_begin));
}

bool copy_vdso() {
    auto const bytes = static_cast<std::uint64_t>(libos_vdso_end - libos_vdso_begin);
    std::lock_guard const guard{memory.lock};
    auto const pages = vdso_bytes() / page_bytes;
    constexpr auto writable = abi::permission::write | abi::permission::may_execute;
    if (!page_alloc(own_space, {vdso_at, pages}, writable)) {
        return false;
    }
    std::memcpy(reinterpret_cast<void*>(vdso_at), libos_vdso_begin, bytes);
    return page_protect(own_space, {vdso_at, pages},
                        abi::permission::execute | abi::permission::may_write)
        .has_value();
}

bool make_memory(Program& program, Program& linker) {
    std::lock_guard const guard{memory.lock};
    drop_pages(0, user_top);
    memory.mappings.clear();
    auto const& executable = program.executable;
    if (executable.is_relocatable()) {
        program.bias = pie_base - page_down(executable.lowest());
    }
    if (!map_segments(program)) {
        return false;
    }
    memory.break_begin = page_up(executable.highest() + program.bias);
    memory.break_end = memory.break_begin;
    if (linker.handle != 0) {
        auto const bytes = page_up(linker.executable.highest());
        auto const place = memory.mappings.find_free(bytes, page_bytes, mappings_top);
        linker.bias = place.value_or(0);
        if (!place || !map_segments(linker)) {
            return false;
        }
    }
    if (!memory.mappings.add({.begin = vdso_at,
                              .end = vdso_at + vdso_bytes(),
                              .protection = PROT_READ | PROT_EXEC})) {
        return false;
    }
    constexpr std::uint64_t least = 128 << 10;
    constexpr std::uint64_t most = (stack_end - mappings_top) / 2;
    auto const bytes = page_up(std::clamp(limit_of(RLIMIT_STACK).soft, least, most));
    return memory.mappings.add({.begin = stack_end - bytes,
                                .end = stack_end,
                                .protection = PROT_READ | PROT_WRITE,
                                .is_stack = true});
}

}  // namespace

bool load(Program& program, Program& linker) {
    return make_memory(program, linker) && copy_vdso() && clear_tails(program) &&
           (linker.handle == 0 || clear_tails(linker));
}

}  // namespace quarry::libos
