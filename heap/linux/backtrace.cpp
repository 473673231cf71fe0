#include "heap/linux/backtrace.hpp"

#include <dlfcn.h>

namespace slab::hosted {
namespace {

Dl_info object_of(std::uintptr_t address) {
    Dl_info info{};
    dladdr(reinterpret_cast<void const*>(address), &info);
    return info;
}

}  // namespace

std::size_t note_callers(std::span<std::uintptr_t> to) {
    auto const* const own = object_of(reinterpret_cast<std::uintptr_t>(&note_callers)).dli_fbase;
    auto const* frame = static_cast<std::uintptr_t const*>(__builtin_frame_address(0));
    std::size_t count = 0;
    while (count < to.size()) {
        if (object_of(frame[1]).dli_fbase != own) {
            to[count++] = frame[1];
        }
        auto const next = frame[0];
        auto const here = reinterpret_cast<std::uintptr_t>(frame);
        if (next <= here || next - here > (1u << 20) || next % sizeof(next) != 0) {
            break;
        }
        frame = reinterpret_cast<std::uintptr_t const*>(next);
    }
    return count;
}

void write_place(FileText& text, std::uintptr_t address) {
    auto const info = object_of(address);
    if (info.dli_fname == nullptr) {
        text.hex(address) << "\n";
        return;
    }
    (text << info.dli_fname << "+").hex(address - reinterpret_cast<std::uintptr_t>(info.dli_fbase));
    if (info.dli_sname != nullptr) {
        text << " " << info.dli_sname;
    }
    text << "\n";
}

}  // namespace slab::hosted
