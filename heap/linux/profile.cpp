#include "heap/linux/profile.hpp"

#include "heap/attributes.hpp"
#include "heap/linux/backtrace.hpp"
#include "heap/linux/text.hpp"
#include "heap/sample.hpp"
#include "heap/slab.h"
#include "heap/statistics.hpp"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <mutex>
#include <string_view>

namespace slab::hosted {

constinit std::size_t sample_rate = 0;

namespace {

thread_local constinit std::int64_t until_sample [[gnu::tls_model("initial-exec")]] = 0;

// A distance to the next sample: geometric, by which every byte is as likely as every other one. The logarithm
// to base 2 of a random number, to a few bits, times ln 2 (Knuth, volume 2, section 3.4.1).
std::int64_t next_distance() {
    auto const random = random_word() | 1;
    auto const leading = static_cast<unsigned>(std::countl_zero(random));
    auto const fraction = (random << leading << 1) >> 56;  // of the mantissa, 8 bits
    auto const log2_times_256 = (leading << 8) + 256 - static_cast<unsigned>(fraction);
    return static_cast<std::int64_t>(sample_rate * log2_times_256 / 369);  // 256 / ln 2
}

void* allocate_sample(std::size_t bytes) {
    bool zeroed = false;
    void* const memory = arena.allocate_large(bytes + sizeof(Sample), unit_bytes, zeroed);
    if (memory == nullptr) {
        return nullptr;
    }
    auto const address = reinterpret_cast<std::uintptr_t>(memory);
    auto& unit = *arena.unit_at(address);
    auto& sample = sample_of(address, unit.carved);
    sample.bytes = bytes;
    sample.depth = note_callers(sample.stack);
    unit.is_sample = true;  // what was noted is whole
    return memory;
}

// The first sample behind a unit, and that unit; 0 if there is none. Under the arena's lock.
std::uint32_t find_sample(std::uint32_t index) {
    auto const& runs = arena.runs();
    while (++index < runs.used_units()) {
        if (runs.unit(index).kind == UnitKind::large && runs.unit(index).is_sample) {
            return index;
        }
    }
    return 0;
}
Sample const& sample_at(std::uint32_t index) {
    return sample_of(arena.runs().address_of(index), arena.runs().unit(index).carved);
}
template <typename Visit>
void for_each_sample(Visit visit) {
    for (std::uint32_t index = 0; (index = find_sample(index)) != 0;) {
        visit(sample_at(index));
    }
}
// A copy, without the lock: to name places takes the dynamic linker's, whose holder may want this heap's.
std::uint32_t next_sample(std::uint32_t index, Sample& sample) {
    std::lock_guard const guard(arena.lock());
    auto const next = find_sample(index);
    if (next != 0) {
        sample = sample_at(next);
    }
    return next;
}

void write_sample(FileText& text, Sample const& sample) {
    text << "1: " << sample.bytes << " [1: " << sample.bytes << "] @";
    for (std::size_t i = 0; i < sample.depth; ++i) {
        (text << " ").hex(sample.stack[i]);
    }
    text << "\n";
}

void copy_file(char const* path, int to) {
    int const from = open(path, O_RDONLY | O_CLOEXEC);
    char part[4096];
    for (ssize_t got = 0; from >= 0 && (got = read(from, part, sizeof(part))) > 0;) {
        write_all(to, {part, static_cast<std::size_t>(got)});
    }
    if (from >= 0) {
        close(from);
    }
}

[[gnu::constructor]] SLAB_COLD void set_rate() {
    if (secure_getenv("SLAB_PROFILE") == nullptr && secure_getenv("SLAB_LEAKS") == nullptr) {
        return;
    }
    std::size_t rate = std::size_t{512} << 10;
    if (auto const* const wish = secure_getenv("SLAB_PROFILE_RATE"); wish != nullptr) {
        std::string_view const text(wish);
        (void)std::from_chars(text.data(), text.data() + text.size(), rate);
    }
    sample_rate = rate;
}

}  // namespace

SLAB_COLD void* allocate_with_samples(ThreadHeap& heap, std::size_t bytes) {
    if (until_sample < 0 && bytes < max_request - sizeof(Sample)) {
        until_sample += next_distance();
        if (void* const block = allocate_sample(bytes)) {
            return block;
        }
    }
    void* const block = heap.allocate_slow(arena, bytes);
    std::size_t blocks = 1;
    if (bytes <= fine_limit) {
        // What is at hand now will be handed out without a look.
        blocks += heap.at_hand(arena, heap.serving(class_of(bytes)));
    } else if (bytes <= small_limit) {
        heap.set_aside(arena, heap.serving(class_of(bytes)));
    }
    until_sample -= static_cast<std::int64_t>(blocks * bytes);
    return block;
}

// The format of gperftools' heap profiler ("heap_v2": pprof undoes the sampling).
SLAB_COLD int write_profile(char const* path) {
    auto const file_descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (file_descriptor < 0) {
        return errno;
    }
    {
        FileText text(WriteTo{file_descriptor});
        std::lock_guard const guard(arena.lock());
        std::uint64_t blocks = 0;
        std::uint64_t bytes = 0;
        for_each_sample([&](Sample const& sample) {
            ++blocks;
            bytes += sample.bytes;
        });
        text << "heap profile: " << blocks << ": " << bytes << " [" << blocks << ": " << bytes
             << "] @ heap_v2/" << sample_rate << "\n";
        for_each_sample([&](Sample const& sample) { write_sample(text, sample); });
        text << "\nMAPPED_LIBRARIES:\n";
    }
    copy_file("/proc/self/maps", file_descriptor);
    close(file_descriptor);
    return 0;
}

SLAB_COLD void write_leaks(int file_descriptor) {
    FileText text(WriteTo{file_descriptor});
    std::uint64_t samples = 0;
    auto const statistics = [&] {
        std::lock_guard const guard(arena.lock());
        for_each_sample([&](Sample const&) { ++samples; });
        return statistics_of(arena.runs());
    }();
    text << "slab: in use at the end: " << statistics.in_use_bytes << " bytes\n";
    for (std::size_t i = 0; i < class_count; ++i) {
        auto const in_use = statistics.classes[i].blocks_in_use -
                            (has_heap() ? thread_heap->at_hand(arena, i) : std::uint32_t{0});
        if (in_use != 0) {
            text << "slab:     " << in_use << " blocks of " << std::uint64_t{class_bytes(i)}
                 << " bytes\n";
        }
    }
    text << "slab:     " << statistics.large_blocks - samples << " larger blocks\n";
    Sample sample;
    for (std::uint32_t index = 0; (index = next_sample(index, sample)) != 0;) {
        text << "slab: one of " << sample.bytes << " bytes, for every " << sample_rate
             << " that were asked for, from\n";
        for (std::size_t i = 0; i < sample.depth; ++i) {
            write_place(text << "slab:     ", sample.stack[i]);
        }
    }
}

}  // namespace slab::hosted

extern "C" [[gnu::visibility("default")]] int slab_write_profile(char const* path) {
    return slab::hosted::write_profile(path);
}
