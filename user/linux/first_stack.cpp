#include "user/linux/first_stack.hpp"

#include "user/linux/calls.hpp"
#include "user/linux/memory.hpp"
#include "user/linux/program_memory.hpp"
#include "user/linux/random.hpp"
#include "user/linux/uapi.hpp"

#include <array>
#include <cstring>

extern "C" void libos_call_entry();

namespace quarry::libos {
namespace {

constexpr std::uint64_t at_quarry = 0x5155'4152;  // "QUAR": where foreign calls enter; CAVEATS.md

// Builds it downwards.
class StackBuilder {
  public:
    std::uint64_t push(void const* bytes, std::uint64_t count) {
        at_ -= count;
        failed_ = failed_ || !copy_out(at_, bytes, count);
        return at_;
    }
    void align(std::uint64_t bytes) { at_ &= ~(bytes - 1); }
    std::uint64_t at() const { return at_; }
    bool failed() const { return failed_; }

  private:
    std::uint64_t at_ = stack_end - 16;
    bool failed_ = false;
};

struct Auxiliary {
    std::uint64_t type;
    std::uint64_t value;
};

std::uint32_t cpuid_edx() {
    std::uint32_t eax = 1, ebx = 0, ecx = 0, edx = 0;
    asm("cpuid" : "+a"(eax), "=b"(ebx), "+c"(ecx), "=d"(edx));
    return edx;
}

// Pointers to `count` strings that lie one behind the other from `at` on, and a null, at `place`. `text` is what they are.
bool copy_pointers(std::uint64_t place, std::uint64_t at, char const* text, std::uint64_t count) {
    for (std::uint64_t i = 0; i < count; ++i) {
        if (!copy_out(place + i * 8, at)) {
            return false;
        }
        auto const length = std::strlen(text) + 1;
        text += length;
        at += length;
    }
    return copy_out(place + count * 8, std::uint64_t{0});
}

}  // namespace

std::uint64_t make_stack(ExecStrings const& strings, Program const& program,
                         Program const& linker) {
    StackBuilder stack;
    auto const* const arguments = strings.text + strings.path_bytes;
    auto const* const variables = arguments + strings.argument_bytes;
    auto const name_at = stack.push(strings.text, strings.path_bytes);
    auto const variables_at = stack.push(variables, strings.variable_bytes);
    auto const arguments_at = stack.push(arguments, strings.argument_bytes);
    auto const platform_at = stack.push("x86_64", 7);
    std::array<std::byte, 16> random{};
    fill_random(random);
    stack.align(16);
    auto const random_at = stack.push(random.data(), random.size());
    auto const& executable = program.executable;
    std::array const auxiliary{
        Auxiliary{AT_SYSINFO_EHDR, vdso_at},
        Auxiliary{AT_HWCAP, cpuid_edx()},
        Auxiliary{AT_PAGESZ, page_bytes},
        Auxiliary{AT_CLKTCK, 100},
        Auxiliary{AT_PHDR, executable.headers_address() + program.bias},
        Auxiliary{AT_PHENT, 56},
        Auxiliary{AT_PHNUM, executable.header_count()},
        Auxiliary{AT_BASE, linker.bias},
        Auxiliary{AT_FLAGS, 0},
        Auxiliary{AT_ENTRY, executable.entry() + program.bias},
        Auxiliary{AT_UID, 0},
        Auxiliary{AT_EUID, 0},
        Auxiliary{AT_GID, 0},
        Auxiliary{AT_EGID, 0},
        Auxiliary{AT_SECURE, 0},
        Auxiliary{AT_RANDOM, random_at},
        Auxiliary{AT_HWCAP2, 2},  // FSGSBASE
        Auxiliary{AT_EXECFN, name_at},
        Auxiliary{AT_PLATFORM, platform_at},
        Auxiliary{AT_MINSIGSTKSZ, 2 * page_bytes},
        Auxiliary{at_quarry, reinterpret_cast<std::uint64_t>(&libos_call_entry)},
        Auxiliary{AT_NULL, 0},
    };
    auto const pointers = (strings.arguments + strings.variables + 3) * 8;
    stack.align(16);
    if ((pointers + sizeof(auxiliary)) % 16 != 0) {
        std::uint64_t const pad = 0;
        stack.push(&pad, sizeof(pad));
    }
    stack.push(auxiliary.data(), sizeof(auxiliary));
    auto const begin = stack.at() - pointers;
    bool const is_whole = !stack.failed() && copy_out(begin, strings.arguments) &&
                          copy_pointers(begin + 8, arguments_at, arguments, strings.arguments) &&
                          copy_pointers(begin + 8 + (strings.arguments + 1) * 8, variables_at,
                                        variables, strings.variables);
    return is_whole ? begin : 0;
}

}  // namespace quarry::libos
