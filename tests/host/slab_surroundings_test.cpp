// libslab.so where programs begin and end, where it is loaded late, and where the system allows little.
#include "tests/host/slab_fixture.hpp"

#include <gtest/gtest.h>
#include <link.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <fstream>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

namespace slab::test {
namespace {

void use_heap() {
    for (std::size_t bytes = 1; bytes < 300'000; bytes += bytes / 2 + 1) {
        auto* const block = static_cast<char*>(opaque(std::malloc(bytes)));
        if (block == nullptr) {
            std::abort();
        }
        std::memset(block, 1, bytes);
        std::free(opaque(block));
    }
}

pthread_key_t key;
// Again and again, so that the last one comes when the thread's heap is gone.
void end_of_thread(void* rounds_left) {
    use_heap();
    auto const left = reinterpret_cast<std::uintptr_t>(rounds_left) - 1;
    if (left != 0) {
        pthread_setspecific(key, reinterpret_cast<void*>(left));
    }
}
struct AtEnd {
    ~AtEnd() { use_heap(); }
};

TEST(SlabSurroundings, DISABLED_LastWords) {
    static AtEnd const of_program;
    thread_local AtEnd const of_main_thread;
    (void)opaque(&of_program);
    (void)opaque(&of_main_thread);
    std::atexit([] {
        use_heap();
        std::puts("ended well");
    });
    ASSERT_EQ(pthread_key_create(&key, end_of_thread), 0);
    auto const live = [] {
        thread_local AtEnd const of_thread;
        (void)opaque(&of_thread);
        pthread_setspecific(key, reinterpret_cast<void*>(PTHREAD_DESTRUCTOR_ITERATIONS));
        use_heap();
    };
    for (int i = 0; i < 20; ++i) {
        std::thread(live).join();
    }
    live();
}
TEST(SlabSurroundings, ServesWhatEndsThreadsAndPrograms) {
    auto const text = alone("DISABLED_LastWords");
    EXPECT_TRUE(passed(text));
    EXPECT_NE(text.find("ended well"), std::string::npos) << text;
}

// There is little room for a library that comes late in what each thread has of its own.
TEST(SlabSurroundings, CanBeLoadedLateAndByThreads) {
    auto const program = R"(
import ctypes, threading
heap = ctypes.CDLL(')" + library() +
                         R"(')
heap.malloc.restype = ctypes.c_void_p
heap.free.argtypes = [ctypes.c_void_p]
done = []
def use():
    blocks = [heap.malloc(size) for size in range(1, 50000, 100)]
    for block in blocks:
        ctypes.memset(block, 1, 1)
        heap.free(block)
    done.append(all(blocks) and len(set(blocks)) == len(blocks))
threads = [threading.Thread(target=use) for _ in range(5)]
for thread in threads: thread.start()
for thread in threads: thread.join()
use()
print(done == [True] * 6)
)";
    EXPECT_EQ(output_of("LD_PRELOAD= python3 -c \"" + program + "\" 2>&1"), "True\n");
}

TEST(SlabSurroundings, EachThreadHasAtMostSixtyFourBytesOfItsOwn) {
    std::size_t bytes = 0;
    dl_iterate_phdr(
        [](dl_phdr_info* object, std::size_t, void* found) {
            if (std::string_view(object->dlpi_name).find("libslab") != std::string_view::npos) {
                for (int i = 0; i < object->dlpi_phnum; ++i) {
                    if (object->dlpi_phdr[i].p_type == PT_TLS) {
                        *static_cast<std::size_t*>(found) = object->dlpi_phdr[i].p_memsz;
                    }
                }
            }
            return 0;
        },
        &bytes);
    EXPECT_GT(bytes, 0u);
    EXPECT_LE(bytes, 64u);
}

struct Mapping {
    std::size_t bytes = 0;
    std::size_t resident_kib = 0;
    std::string rights;
    std::string flags;
};
std::vector<Mapping> mappings() {
    std::vector<Mapping> all;
    std::ifstream lines("/proc/self/smaps");
    for (std::string line; std::getline(lines, line);) {
        std::istringstream words(line);
        std::string first;
        std::string second;
        words >> first >> second;
        if (auto const dash = first.find('-'); dash != std::string::npos) {
            auto const begin = std::stoull(first, nullptr, 16);
            auto const end = std::stoull(first.substr(dash + 1), nullptr, 16);
            all.push_back({.bytes = end - begin, .resident_kib = 0, .rights = second, .flags = {}});
        } else if (first == "Rss:") {
            all.back().resident_kib = std::stoull(second);
        } else if (first == "VmFlags:") {
            all.back().flags = line;
        }
    }
    return all;
}

// Linux counts what may be written, where it promises no more than it has (overcommit 2), and dumps what ever was.
TEST(SlabSurroundings, DISABLED_Reservation) {
    constexpr std::size_t large = std::size_t{1} << 30;
    use_heap();
    std::size_t reserved = 0;
    for (auto const& mapping : mappings()) {
        if (mapping.bytes >= large) {
            reserved += mapping.bytes;
            EXPECT_EQ(mapping.rights, "---p");
            EXPECT_EQ(mapping.resident_kib, 0u);
            EXPECT_EQ(mapping.flags.find(" ac"), std::string::npos) << mapping.flags;
        }
    }
    EXPECT_GE(reserved, large);
    EXPECT_LE(reserved, std::size_t{17} << 30);
}

TEST(SlabSurroundings, WhatIsOnlyReservedIsNeitherCountedNorDumped) {
    EXPECT_TRUE(passed(alone("DISABLED_Reservation")));
}

// A filter that stays for the rest of the process.
bool refuse(unsigned call, unsigned error) {
    constexpr unsigned short load = BPF_LD | BPF_W | BPF_ABS;
    constexpr unsigned short is_equal = BPF_JMP | BPF_JEQ | BPF_K;
    constexpr unsigned short answer = BPF_RET | BPF_K;
    std::array<sock_filter, 4> rules = {{
        {load, 0, 0, offsetof(seccomp_data, nr)},
        {is_equal, 0, 1, call},
        {answer, 0, 0, SECCOMP_RET_ERRNO | error},
        {answer, 0, 0, SECCOMP_RET_ALLOW},
    }};
    sock_fprog const program{.len = rules.size(), .filter = rules.data()};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

TEST(SlabSurroundings, DISABLED_WithoutMadvise) {
    ASSERT_TRUE(refuse(SYS_madvise, EPERM));
    constexpr std::size_t bytes = 3'000;
    auto const before = anonymous_kib();
    for (int round = 0; round < 3; ++round) {
        std::vector<unsigned char*> blocks(20'000);
        for (auto*& block : blocks) {
            block = static_cast<unsigned char*>(opaque(std::calloc(1, bytes)));
            ASSERT_EQ(std::count(block, block + bytes, 0), static_cast<std::ptrdiff_t>(bytes));
            std::memset(block, 1, bytes);
        }
        for (auto* const block : blocks) {
            std::free(block);
        }
        malloc_trim(0);
        EXPECT_LT(anonymous_kib(), before + 10'000);
    }
    EXPECT_LE(mappings().size(), 5'000u);
}
TEST(SlabSurroundings, NeedsNoMadvise) { EXPECT_TRUE(passed(alone("DISABLED_WithoutMadvise"))); }

TEST(SlabSurroundings, DISABLED_WithoutMincoreAndMremap) {
    ASSERT_TRUE(refuse(SYS_mincore, EPERM));
    ASSERT_TRUE(refuse(SYS_mremap, EPERM));
    for (std::size_t bytes = 300'000; bytes < 8'000'000; bytes += bytes / 3) {
        std::array<unsigned char*, 4> blocks{};
        for (auto*& block : blocks) {
            block = static_cast<unsigned char*>(opaque(std::calloc(1, bytes)));
            ASSERT_EQ(std::count(block, block + bytes, 0), static_cast<std::ptrdiff_t>(bytes));
            std::memset(block, 1, bytes);
        }
        for (auto* const block : blocks) {
            auto* const grown = static_cast<unsigned char*>(std::realloc(block, 2 * bytes));
            ASSERT_EQ(std::count(grown, grown + bytes, 1), static_cast<std::ptrdiff_t>(bytes));
            std::free(opaque(grown));
        }
    }
}
TEST(SlabSurroundings, NeedsNeitherMincoreNorMremap) {
    EXPECT_TRUE(passed(alone("DISABLED_WithoutMincoreAndMremap")));
}

TEST(SlabSurroundings, RunsUnderValgrind) {
    EXPECT_EQ(output_of("LD_PRELOAD=" + library() +
                        " valgrind -q --error-exitcode=9 /bin/sh -c 'echo fits' 2>&1"),
              "fits\n");
}

}  // namespace
}  // namespace slab::test
