// libslab.so as this program's malloc: the whole family, what it says of itself, misuse.
#include "heap/slab.h"
#include "tests/host/slab_fixture.hpp"

#include <dlfcn.h>
#include <gtest/gtest.h>
#include <malloc.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <new>
#include <set>
#include <sstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

extern "C" void* reallocarray(void*, std::size_t, std::size_t) noexcept;

namespace slab::test {
namespace {

bool is_aligned(void const* pointer, std::size_t alignment) {
    return reinterpret_cast<std::uintptr_t>(pointer) % alignment == 0;
}

TEST(Slab, TheWholeFamilyComesFromTheLibrary) {
    EXPECT_NE(library().find("libslab.so"), std::string::npos) << library();
    void* posix = nullptr;
    ASSERT_EQ(posix_memalign(&posix, 64, 100), 0);
    auto* const one = ::operator new(100);
    auto* const several = ::operator new[](100);
    auto* const aligned = ::operator new(100, std::align_val_t{64});
    std::vector<void*> const blocks = {
        malloc(100),
        calloc(10, 10),
        realloc(nullptr, 100),
        reallocarray(nullptr, 10, 10),
        memalign(64, 100),
        aligned_alloc(64, 100),
        posix,
        valloc(100),
        pvalloc(100),
    };
    auto const use = [](void* block) {
        ASSERT_NE(block, nullptr);
        EXPECT_GE(malloc_usable_size(block), 100u);
        EXPECT_TRUE(is_aligned(block, 16));
        std::memset(block, 1, malloc_usable_size(block));
    };
    for (auto* const block : blocks) {
        use(block);
        free(block);
    }
    for (auto* const block : {one, several, aligned}) {
        use(block);
    }
    ::operator delete(one, 100);
    ::operator delete[](several, 100);
    ::operator delete(aligned, 100, std::align_val_t{64});
    for (std::size_t alignment = 8; alignment <= std::size_t{2} << 20; alignment *= 2) {
        for (std::size_t const bytes : {1u, 100u, 5000u, 100'000u}) {
            void* block = nullptr;
            ASSERT_EQ(posix_memalign(&block, alignment, bytes), 0);
            EXPECT_TRUE(is_aligned(block, alignment)) << alignment << " " << bytes;
            free(block);
        }
    }
}

TEST(Slab, ExportsAreThoseOfTheVersionScript) {
    std::set<std::string> shown;
    std::istringstream lines(output_of("nm -D --defined-only " + library()));
    for (std::string address, kind, name; lines >> address >> kind >> name;) {
        shown.insert(name.substr(0, name.find('@')));
    }
    std::ifstream script(SLAB_VERSION_SCRIPT);
    std::stringstream text;
    text << script.rdbuf();
    auto const all = text.str();
    auto const from = all.find("global:") + 7;
    auto list = all.substr(from, all.find("local:") - from);
    std::ranges::replace(list, ';', ' ');
    std::istringstream names(list);
    std::set<std::string> wanted;
    for (std::string name; names >> name;) {
        wanted.insert(name);
    }
    EXPECT_EQ(shown, wanted);
    EXPECT_EQ(
        output_of("readelf -d " + library() + " | grep NEEDED | grep -v 'libc.so.6\\|ld-linux'"),
        "");
}

TEST(Slab, StatisticsSayWhatIsHeld) {
    slab_statistics before{};
    slab_get_statistics(&before);
    auto const info_before = mallinfo2();
    std::vector<void*> blocks;
    for (int i = 0; i < 1000; ++i) {
        blocks.push_back(opaque(malloc(1000)));
    }
    auto* const large = opaque(malloc(1'000'000));
    slab_statistics after{};
    slab_get_statistics(&after);
    EXPECT_GE(after.in_use, before.in_use + 2'000'000);
    EXPECT_LE(after.in_use, before.in_use + 2'200'000);
    EXPECT_EQ(after.large_blocks, before.large_blocks + 1);
    EXPECT_GE(after.held, after.in_use);
    EXPECT_GE(mallinfo2().uordblks, info_before.uordblks + 2'000'000);
    for (auto* const block : blocks) {
        free(block);
    }
    free(large);
    auto const text = output_of("SLAB_STATS=1 LD_PRELOAD=" + library() + " /bin/true 2>&1");
    EXPECT_TRUE(text.starts_with("{\"in_use\":")) << text;
    EXPECT_TRUE(text.ends_with("]}\n")) << text;
}

TEST(Slab, BadSizesAndAlignmentsHaveDefinedResults) {
    errno = 0;
    EXPECT_EQ(opaque(malloc(PTRDIFF_MAX)), nullptr);
    EXPECT_EQ(errno, ENOMEM);
    std::size_t huge = SIZE_MAX - 5;
    asm volatile("" : "+r"(huge));
    EXPECT_EQ(opaque(malloc(huge)), nullptr);
    EXPECT_EQ(opaque(calloc(huge, 16)), nullptr);
    for (std::size_t const bytes : {8u, 1000u, 100'000u}) {
        void* const kept = opaque(malloc(bytes));
        EXPECT_EQ(opaque(realloc(kept, huge)), nullptr);
        free(kept);
    }
    EXPECT_EQ(opaque(reallocarray(nullptr, huge, 16)), nullptr);
    EXPECT_EQ(opaque(pvalloc(huge)), nullptr);
    void* block = nullptr;
    EXPECT_EQ(posix_memalign(&block, 24, 10), EINVAL);
    EXPECT_EQ(posix_memalign(&block, 4, 10), EINVAL);
    EXPECT_EQ(posix_memalign(&block, std::size_t{4} << 20, 10), ENOMEM);
    auto* const empty = opaque(malloc(0));
    auto* const other = opaque(malloc(0));
    EXPECT_NE(empty, nullptr);
    EXPECT_NE(empty, other);
    errno = 7;
    free(empty);
    free(other);
    free(nullptr);
    auto* const large = opaque(malloc(std::size_t{10} << 20));
    free(large);
    EXPECT_EQ(errno, 7) << "free keeps errno";
    EXPECT_EQ(malloc_usable_size(nullptr), 0u);
}

TEST(Slab, NewAlignsAndEachDeleteTakesWhatItMade) {
    for (std::size_t alignment = 1; alignment <= 4096; alignment *= 2) {
        std::align_val_t const as{alignment};
        for (std::size_t bytes = 0; bytes <= 100; ++bytes) {
            for (int way = 0; way < 4; ++way) {
                void* const block = opaque(way % 2 == 0 ? ::operator new(bytes, as)
                                                        : ::operator new(bytes, as, std::nothrow));
                ASSERT_TRUE(is_aligned(block, alignment)) << bytes << " at " << alignment;
                if (way < 2) {
                    ::operator delete(block, bytes, as);
                } else {
                    ::operator delete(block, as);
                }
            }
        }
    }
}

// Misuse ends the program with a report that names the address.
template <typename Misuse>
void expect_report(char const* part, Misuse misuse) {
    SCOPED_TRACE(part);
    EXPECT_EXIT(misuse(), testing::KilledBySignal(SIGABRT), part);
}

TEST(SlabDeath, MisuseIsReportedWithItsAddress) {
    for (std::size_t const bytes : {8u, 64u, 1000u, 5000u, 100'000u, 3'000'000u}) {
        auto* const block = opaque(static_cast<char*>(malloc(bytes)));
        char address[32];
        std::snprintf(address, sizeof(address), "0x%zx",
                      reinterpret_cast<std::uintptr_t>(block) + 4);
        expect_report(address, [&] { free(opaque(block + 4)); });
        expect_report("double free", [&] {
            free(opaque(block));
            free(opaque(block));
        });
        expect_report("double free", [&] {
            std::thread([&] { free(opaque(block)); }).join();
            free(opaque(block));
        });
        free(block);
    }
    int local = 0;
    expect_report("not this heap's", [&] { free(opaque(reinterpret_cast<char*>(&local))); });
    expect_report("no block in use|not this heap's",
                  [&] { (void)opaque(realloc(opaque(&local), 10)); });
    expect_report("was written to", [] {
        std::array<std::uint64_t*, 100> blocks{};
        for (auto& block : blocks) {
            block = static_cast<std::uint64_t*>(opaque(malloc(64)));
        }
        for (auto* const block : blocks) {
            free(block);
        }
        for (auto* const block : blocks) {
            *opaque(block) = 0x4141414141414141;
        }
        // More than tests before this one left free elsewhere, which may go first.
        for (int i = 0; i < 100'000; ++i) {
            (void)opaque(malloc(64));
        }
    });
}

TEST(SlabDeath, WhatAnAlignedDeleteIsToldOfItsBlockMustBeTrue) {
    // 100 bytes at a multiple of 64 are 128: the next block is at no multiple of 256, or this one is not.
    constexpr std::align_val_t as{64};
    auto* block = static_cast<char*>(opaque(::operator new(100, as)));
    if (is_aligned(block, 256)) {
        block = static_cast<char*>(opaque(::operator new(100, as)));
    }
    expect_report("the alignment", [&] { ::operator delete(block, std::align_val_t{256}); });
    expect_report("the alignment|the size",
                  [&] { ::operator delete(block, 100, std::align_val_t{256}); });
    expect_report("the size", [&] { ::operator delete(block, 300, as); });
    expect_report("the size", [&] { ::operator delete(block, 5'000, as); });
    expect_report("double free|no block in use", [&] {
        ::operator delete(opaque(block), 100, as);
        ::operator delete(opaque(block), 100, as);
    });
    ::operator delete(block, 100, as);
}

TEST(Slab, ReportsCanBeIgnored) {
    EXPECT_EXIT(
        {
            setenv("SLAB_ON_ERROR", "report", 1);
            auto* const block = opaque(malloc(64));
            auto* const keeps_the_slab = opaque(malloc(64));
            free(opaque(block));
            free(opaque(block));
            free(keeps_the_slab);
            std::exit(3);
        },
        testing::ExitedWithCode(3), "double free");
}

// A program that keeps a megabyte in blocks that one function made.
[[gnu::noinline]] void keep_blocks(std::size_t bytes) {
    static std::vector<char*> kept;
    for (std::size_t i = 0; i < 1'000'000 / bytes; ++i) {
        kept.push_back(opaque(static_cast<char*>(std::malloc(bytes))));
        std::free(opaque(std::malloc(bytes)));
    }
}
TEST(Slab, DISABLED_KeepBlocks) { keep_blocks(1'000); }
TEST(Slab, DISABLED_KeepLargerOnes) { keep_blocks(1'500); }

// What the program says at its end; the lines of its profile are passed to `visit`.
template <typename Visit>
std::string profile_of(std::string const& disabled_test, Visit visit) {
    auto const test = std::filesystem::read_symlink("/proc/self/exe").string();
    auto const path = testing::TempDir() + "slab_profile";
    auto const said =
        output_of("SLAB_PROFILE=" + path + " SLAB_LEAKS=1 SLAB_PROFILE_RATE=20000 " + test +
                  " --gtest_also_run_disabled_tests --gtest_filter=*" + disabled_test + " 2>&1");
    std::ifstream file(path);
    for (std::string line; std::getline(file, line);) {
        visit(line);
    }
    std::filesystem::remove(path);
    return said;
}

TEST(Slab, AProfileSaysWhoAskedForWhatIsInUse) {
    if (is_hardened()) {
        GTEST_SKIP() << "the hardened heap takes no samples";
    }
    std::vector<std::string> lines;
    auto const said =
        profile_of("KeepBlocks", [&](std::string const& line) { lines.push_back(line); });
    ASSERT_FALSE(lines.empty());
    EXPECT_TRUE(lines[0].starts_with("heap profile: ") && lines[0].ends_with(" @ heap_v2/20000"))
        << lines[0];
    EXPECT_NE(std::ranges::find(lines, "MAPPED_LIBRARIES:"), lines.end());
    EXPECT_NE(said.find("slab: in use at the end: "), std::string::npos) << said;
    EXPECT_NE(said.find("blocks of 1008 bytes\n"), std::string::npos) << said;
    EXPECT_NE(
        said.find("slab: one of 1000 bytes, for every 20000 that were asked for, from\nslab:     " +
                  std::filesystem::read_symlink("/proc/self/exe").string()),
        std::string::npos)
        << said;
}

// A megabyte by samples of twenty thousand bytes: about fifty, and few are far from that.
TEST(Slab, SamplesAreInProportionWhateverTheSize) {
    if (is_hardened()) {
        GTEST_SKIP() << "the hardened heap takes no samples";
    }
    for (auto const& [test, sample] : {std::pair("KeepBlocks", "1: 1000 [1: 1000] @ 0x"),
                                       std::pair("KeepLargerOnes", "1: 1500 [1: 1500] @ 0x")}) {
        int samples = 0;
        (void)profile_of(
            test, [&](std::string const& line) { samples += line.starts_with(sample) ? 1 : 0; });
        EXPECT_GT(samples, 15) << test;
        EXPECT_LT(samples, 150) << test;
    }
}

TEST(Slab, AHandlerIsAskedWhenThereIsNoMemory) {
    static int asked = 0;
    asked = 0;
    slab_set_out_of_memory_handler([](std::size_t) { return ++asked < 3 ? 1 : 0; });
    std::size_t much = std::size_t{1} << 50;  // more than there are addresses
    asm volatile("" : "+r"(much));
    errno = 0;
    EXPECT_EQ(opaque(std::malloc(much)), nullptr);
    EXPECT_EQ(asked, 3);
    EXPECT_EQ(errno, ENOMEM);
    EXPECT_EQ(opaque(std::calloc(much, much)), nullptr);
    EXPECT_EQ(asked, 3) << "nobody could have so much";
    slab_set_out_of_memory_handler(nullptr);
}

TEST(Slab, RunsWithLittleAddressSpace) {
    auto const preload = "LD_PRELOAD=" + library();
    EXPECT_EQ(output_of("ulimit -v 100000; " + preload + " /bin/echo fits"), "fits\n");
    EXPECT_EQ(output_of(preload + " sh -c 'echo a | sort | tr a b'"), "b\n");
}

}  // namespace
}  // namespace slab::test
