// What the heap says about itself, by its own names and by those of the C library.
#include "heap/statistics.hpp"

#include "heap/attributes.hpp"
#include "heap/dump.hpp"
#include "heap/linux/hardened.hpp"
#include "heap/linux/profile.hpp"
#include "heap/linux/text.hpp"
#include "heap/slab.h"

#include <fcntl.h>
#include <malloc.h>
#include <stdlib.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <mutex>

#define SLAB_EXPORT extern "C" [[gnu::visibility("default")]]

namespace slab::hosted {
namespace {

// What function does with the arena that serves, while nobody else takes from it.
template <typename Function>
auto with_arena(Function function) {
    auto const locked = [&](auto& serving) {
        std::lock_guard const guard(serving.lock());
        return function(serving);
    };
    return is_hardened() ? locked(hardened_arena) : locked(arena);
}

Statistics statistics() {
    auto s = with_arena([](auto& serving) { return statistics_of(serving.runs()); });
    auto const beyond = total_beyond();
    s.large_blocks += blocks_beyond.load(std::memory_order_relaxed);
    s.large_bytes += beyond;
    s.in_use_bytes += beyond;
    s.held_bytes += beyond;
    return s;
}

SLAB_COLD void write_json(int file_descriptor, Statistics const& s) {
    FileText text(WriteTo{file_descriptor});
    text << "{\"in_use\":" << s.in_use_bytes << ",\"held\":" << s.held_bytes
         << ",\"metadata\":" << s.metadata_bytes << ",\"large_blocks\":" << s.large_blocks
         << ",\"large\":" << s.large_bytes << ",\"pages_taken\":" << s.pages_taken
         << ",\"pages_returned\":" << s.pages_returned << ",\"classes\":[";
    std::string_view comma;
    for (std::size_t i = 0; i < class_count; ++i) {
        auto const& c = s.classes[i];
        if (c.blocks_carved != 0) {
            text << comma << "{\"bytes\":" << class_bytes(i) << ",\"slabs\":" << c.slabs
                 << ",\"in_use\":" << c.blocks_in_use << ",\"carved\":" << c.blocks_carved << "}";
            comma = ",";
        }
    }
    text << "]}\n";
}

void dump_to(int file_descriptor) {
    FileText text(WriteTo{file_descriptor});
    with_arena([&](auto& serving) { dump(serving.runs(), text); });
}

[[gnu::destructor]] void write_at_exit() {
    hardened_check();
    auto const* const wish = secure_getenv("SLAB_STATS");
    if (wish != nullptr && std::string_view(wish) == "1") {
        write_json(STDERR_FILENO, statistics());
    }
    if (auto const* const path = secure_getenv("SLAB_HEAPMAP"); path != nullptr) {
        slab_dump(path);
    }
    if (auto const* const path = secure_getenv("SLAB_PROFILE"); path != nullptr) {
        write_profile(path);
    }
    if (auto const* const leaks = secure_getenv("SLAB_LEAKS");
        leaks != nullptr && std::string_view(leaks) == "1") {
        write_leaks(STDERR_FILENO);
    }
}

}  // namespace
}  // namespace slab::hosted

using slab::hosted::statistics;

SLAB_EXPORT void slab_get_statistics(slab_statistics* to) {
    auto const s = statistics();
    *to = {s.in_use_bytes, s.held_bytes,  s.metadata_bytes, s.large_blocks,
           s.large_bytes,  s.pages_taken, s.pages_returned};
}

SLAB_EXPORT void slab_write_statistics(int file_descriptor) {
    slab::hosted::KeepErrno const kept;
    slab::hosted::write_json(file_descriptor, statistics());
}

SLAB_EXPORT int slab_dump(char const* path) {
    auto const file_descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    if (file_descriptor < 0) {
        return errno;
    }
    slab::hosted::dump_to(file_descriptor);
    close(file_descriptor);
    return 0;
}

// For programs that ask how much malloc has. What has no counterpart here is 0.
SLAB_EXPORT struct mallinfo2 mallinfo2() {
    auto const s = statistics();
    struct mallinfo2 info{};
    info.arena = s.held_bytes - s.large_bytes;
    info.hblks = s.large_blocks;
    info.hblkhd = s.large_bytes;
    info.uordblks = s.in_use_bytes;
    info.fordblks = s.held_bytes > s.in_use_bytes ? s.held_bytes - s.in_use_bytes : 0;
    return info;
}

SLAB_EXPORT struct mallinfo mallinfo() {
    auto const all = mallinfo2();
    struct mallinfo info{};
    info.arena = static_cast<int>(all.arena);
    info.hblks = static_cast<int>(all.hblks);
    info.hblkhd = static_cast<int>(all.hblkhd);
    info.uordblks = static_cast<int>(all.uordblks);
    info.fordblks = static_cast<int>(all.fordblks);
    return info;
}

SLAB_EXPORT void malloc_stats() { slab_write_statistics(STDERR_FILENO); }

SLAB_EXPORT int malloc_info(int options, FILE* stream) {
    if (options != 0) {
        errno = EINVAL;
        return -1;
    }
    auto const s = statistics();
    std::fprintf(stream,
                 "<malloc version=\"slab-1\"><system type=\"current\" size=\"%zu\"/>"
                 "<total type=\"in-use\" size=\"%zu\"/></malloc>\n",
                 static_cast<std::size_t>(s.held_bytes), static_cast<std::size_t>(s.in_use_bytes));
    return 0;
}

// There is nothing of the C library's to set; 1 means that the wish was heard.
SLAB_EXPORT int mallopt(int, int) { return 1; }
