#include "user/linux/trace.hpp"

#include "user/linux/calls.hpp"
#include "user/linux/memory.hpp"
#include "user/linux/signals.hpp"
#include "user/linux/text.hpp"

#include <algorithm>

extern "C" {
extern std::array<quarry::libos::Handler, quarry::libos::call_slots> libos_calls;
std::int64_t libos_unknown_call(quarry::libos::Registers* registers);
}

namespace quarry::libos {
namespace {

// The names that errno(3) lists; empty for others.
std::string_view name_of_error(std::int64_t error) {
    constexpr std::array<std::string_view, 41> names{
        "",        "EPERM",        "ENOENT", "ESRCH",  "EINTR",     "EIO",     "ENXIO",
        "E2BIG",   "ENOEXEC",      "EBADF",  "ECHILD", "EAGAIN",    "ENOMEM",  "EACCES",
        "EFAULT",  "ENOTBLK",      "EBUSY",  "EEXIST", "EXDEV",     "ENODEV",  "ENOTDIR",
        "EISDIR",  "EINVAL",       "ENFILE", "EMFILE", "ENOTTY",    "ETXTBSY", "EFBIG",
        "ENOSPC",  "ESPIPE",       "EROFS",  "EMLINK", "EPIPE",     "EDOM",    "ERANGE",
        "EDEADLK", "ENAMETOOLONG", "ENOLCK", "ENOSYS", "ENOTEMPTY", "ELOOP"};
    auto const index = static_cast<std::uint64_t>(-error);
    return index < names.size() ? names[index] : std::string_view{};
}

struct CallName {
    std::uint16_t number;
    std::string_view name;
};
constexpr CallName call_names[] = {
#include <call_names.inc>  // made by tools/call_names.sh
};

std::string_view name_of_call(std::uint64_t number) {
    auto const* const found = std::ranges::find(call_names, number, &CallName::number);
    return found == std::end(call_names) ? "?" : found->name;
}

void print_argument(Line& line, Argument argument, std::uint64_t word) {
    switch (argument.kind) {
        case ArgumentKind::number:
            format_to(line, "{}", static_cast<std::int64_t>(word));
            return;
        case ArgumentKind::descriptor: {
            auto const descriptor = static_cast<std::int32_t>(word);
            if (descriptor == AT_FDCWD) {
                line("AT_FDCWD");
            } else {
                format_to(line, "{}", descriptor);
            }
            return;
        }
        case ArgumentKind::path: {
            std::array<char, 128> text{};
            if (copy_in_string(text.data(), word, text.size() - 1) == -EFAULT) {
                format_to(line, "0x{:x}", word);
            } else {
                format_to(line, "\"{}\"", std::string_view{text.data()});
            }
            return;
        }
        default:
            if (word == 0 && argument.kind != ArgumentKind::hexadecimal) {
                line("NULL");
            } else {
                format_to(line, "0x{:x}", word);
            }
    }
}

void print_call(Line& line, CallDeclaration const& declaration, Registers const& registers) {
    auto const arguments = arguments_of(registers);
    format_to(line, "[{}] {}(", this_thread().id, declaration.name);
    for (std::size_t i = 0; i < arguments.size(); ++i) {
        if (declaration.arguments[i].kind == ArgumentKind::none) {
            break;
        }
        line(i == 0 ? "" : ", ");
        print_argument(line, declaration.arguments[i], arguments[i]);
    }
    line(")");
}

// Calls that do not come back say what they are before they begin.
bool returns(std::uint64_t number) {
    return number != __NR_exit && number != __NR_exit_group && number != __NR_execve &&
           number != __NR_rt_sigreturn;
}

std::int64_t traced(Registers& registers) {
    auto const number = registers.rax;
    auto const& declaration = *declaration_of(number);
    Line line;
    print_call(line, declaration, registers);
    if (!returns(number)) {
        line("\n");
        say_text(line.text());
        return declaration.handler(registers);
    }
    auto const begin = __builtin_ia32_rdtsc();
    auto const result = declaration.handler(registers);
    auto const ticks = __builtin_ia32_rdtsc() - begin;
    if (result >= 0 || result < -4095) {
        bool const is_address = number == __NR_mmap || number == __NR_brk || number == __NR_mremap;
        if (is_address) {
            format_to(line, " = 0x{:x}", static_cast<std::uint64_t>(result));
        } else {
            format_to(line, " = {}", result);
        }
    } else {
        format_to(line, " = {} {}", result, name_of_error(result));
    }
    format_to(line, " <{}>\n", ticks);
    say_text(line.text());
    return result;
}

struct CallRecord {
    std::uint64_t caller_frame;
    std::uint64_t return_address;
};

}  // namespace

void trace_calls() {
    for (std::uint64_t number = 0; number < call_slots; ++number) {
        if (declaration_of(number) != nullptr) {
            libos_calls[number] = traced;
        }
    }
}

void report_missing_call(std::uint64_t number, Registers const& registers) {
    auto const [a, b, c, d, e, f] = arguments_of(registers);
    say("libos: system call {}, '{}', is not there ({:x}, {:x}, {:x}, {:x}, {:x}, {:x}): ENOSYS\n",
        number, name_of_call(number), a, b, c, d, e, f);
    say("    {:016x}\n", registers.frame.rip);
    auto frame = registers.rbp;
    CallRecord record{};
    constexpr int most_callers = 8;
    for (int i = 0; i < most_callers && frame != 0 && copy_in(record, frame); ++i) {
        say("    {:016x}\n", record.return_address);
        if (record.caller_frame <= frame) {
            return;
        }
        frame = record.caller_frame;
    }
}

}  // namespace quarry::libos
