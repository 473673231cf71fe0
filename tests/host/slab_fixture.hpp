// What the tests of libslab.so share.
#pragma once

#include <dlfcn.h>
#include <gtest/gtest.h>
#include <malloc.h>
#include <sys/resource.h>

#include <array>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <string_view>

namespace slab::test {

// The compiler knows what malloc and free are; it must not reason about these.
template <typename T>
T* opaque(T* pointer) {
    asm volatile("" : "+r"(pointer) : : "memory");
    return pointer;
}

inline std::string output_of(std::string const& command) {
    std::unique_ptr<FILE, int (*)(FILE*)> const pipe(popen(command.c_str(), "r"), pclose);
    std::string all;
    std::array<char, 4096> part{};
    while (auto const got = fread(part.data(), 1, part.size(), pipe.get())) {
        all.append(part.data(), got);
    }
    return all;
}

inline std::string library() {
    Dl_info info{};
    dladdr(reinterpret_cast<void*>(&malloc_usable_size), &info);
    return info.dli_fname;
}

// What a disabled test prints in a process of its own, with these settings in its environment.
inline std::string alone(std::string const& name, std::string const& settings = {}) {
    auto const test = std::filesystem::read_symlink("/proc/self/exe").string();
    return output_of(settings + " " + test + " --gtest_also_run_disabled_tests --gtest_filter=*" +
                     name + " 2>&1");
}
inline testing::AssertionResult passed(std::string const& text) {
    bool const has = text.find("[  PASSED  ] 1 test.") != std::string::npos;
    return has ? testing::AssertionSuccess() : testing::AssertionFailure() << text;
}

// Of this process: what a file in /proc says behind a name.
inline std::size_t kib_of(char const* file, std::string_view name) {
    std::ifstream lines(file);
    for (std::string word; lines >> word;) {
        if (word == name) {
            std::size_t kib = 0;
            lines >> kib;
            return kib;
        }
    }
    return 0;
}
inline long page_faults() {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_minflt;
}
inline std::size_t mapping_count() {
    std::ifstream maps("/proc/self/maps");
    std::size_t count = 0;
    for (std::string line; std::getline(maps, line);) {
        ++count;
    }
    return count;
}
inline std::size_t anonymous_kib() { return kib_of("/proc/self/status", "RssAnon:"); }
inline std::size_t lazily_freed_kib() { return kib_of("/proc/self/smaps_rollup", "LazyFree:"); }
inline std::size_t huge_page_kib() { return kib_of("/proc/self/smaps_rollup", "AnonHugePages:"); }

// The tests run twice, the second time with SLAB_HARDENED=1.
inline bool is_hardened() {
    auto const* const wish = std::getenv("SLAB_HARDENED");
    return wish != nullptr && std::string_view(wish) == "1";
}

}  // namespace slab::test
