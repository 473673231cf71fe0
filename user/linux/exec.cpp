// exec: everything of the old program's goes, and the new one's segments, stack and registers come.
#include "user/linux/calls.hpp"
#include "user/linux/executable.hpp"
#include "user/linux/limits.hpp"
#include "user/linux/memory.hpp"
#include "user/linux/process.hpp"
#include "user/linux/server.hpp"
#include "user/linux/signals.hpp"
#include "user/linux/text.hpp"
#include "user/linux/uapi.hpp"

#include <algorithm>
#include <cstring>
#include <mutex>

extern "C" {
void libos_call_entry();
extern std::byte const libos_vdso_begin[];
extern std::byte const libos_vdso_end[];
}

namespace quarry::libos {

void fill_random(std::byte* to, std::size_t bytes);

namespace {

constexpr std::uint64_t at_quarry = 0x5155'4152;  // "QUAR": where foreign calls enter; CAVEATS.md

std::uint64_t page_down(std::uint64_t address) { return address & ~(page_bytes - 1); }
std::uint64_t page_up(std::uint64_t address) { return page_down(address + page_bytes - 1); }

// A file that is to be run: a descriptor, its first page and the server's handle of its pages.
struct Program {
    std::int64_t descriptor = -1;
    Executable executable;
    std::uint64_t handle = 0;
    std::uint64_t bias = 0;
};

std::int64_t open_executable(std::string_view path) {
    std::memcpy(data_of(this_thread()), path.data(), path.size());
    data_of(this_thread())[path.size()] = std::byte{0};
    return ask(protocol::Operation::open_executable);
}

// The first page, in the channel; how much of it there is.
std::int64_t read_head(std::int64_t descriptor) {
    return ask(__NR_pread64, static_cast<std::uint64_t>(descriptor), page_bytes, 0);
}

void close(std::int64_t descriptor) {
    (void)ask(__NR_close, static_cast<std::uint64_t>(descriptor));
}

std::string_view channel_text(std::int64_t bytes) {
    return {reinterpret_cast<char const*>(data_of(this_thread())), static_cast<std::size_t>(bytes)};
}

// `#!interpreter [argument]`: they come before the script's path and its arguments.
std::int64_t rewrite_for_script(ExecStrings& strings, std::string_view head) {
    auto line = head.substr(2, head.find('\n') - 2);
    auto const trim = [](std::string_view text) {
        auto const first = text.find_first_not_of(" \t");
        if (first == std::string_view::npos) {
            return std::string_view{};
        }
        return text.substr(first, text.find_last_not_of(" \t\r") + 1 - first);
    };
    line = trim(line);
    auto const blank = line.find_first_of(" \t");
    auto const interpreter = line.substr(0, blank);
    auto const argument =
        blank == std::string_view::npos ? std::string_view{} : trim(line.substr(blank));
    if (interpreter.empty() || interpreter.size() + argument.size() > 250) {
        return -ENOEXEC;
    }
    // path NUL [interpreter NUL] [argument NUL] path NUL, then what follows the old argument 0.
    std::array<char, 256> front{};
    std::size_t front_bytes = 0;
    for (auto const part : {interpreter, argument}) {
        if (!part.empty()) {
            std::memcpy(&front[front_bytes], part.data(), part.size());
            front_bytes += part.size() + 1;
        }
    }
    auto const old_first =
        strings.arguments == 0 ? 0 : std::strlen(strings.text + strings.path_bytes) + 1;
    auto const path_bytes = strings.path_bytes;
    auto const rest_at = path_bytes + old_first;
    auto const rest = strings.argument_bytes - old_first + strings.variable_bytes;
    auto const new_at = interpreter.size() + 1 + front_bytes + path_bytes;
    if (new_at + rest > staging_pages * page_bytes) {
        return -E2BIG;
    }
    std::memmove(strings.text + new_at, strings.text + rest_at, rest);
    std::memmove(strings.text + interpreter.size() + 1 + front_bytes, strings.text, path_bytes);
    std::memcpy(strings.text, front.data(), interpreter.size() + 1);
    std::memcpy(strings.text + interpreter.size() + 1, front.data(), front_bytes);
    strings.path_bytes = interpreter.size() + 1;
    strings.argument_bytes += front_bytes + path_bytes - old_first;
    strings.arguments += (argument.empty() ? 1u : 2u) + (strings.arguments == 0 ? 1u : 0u);
    return 0;
}

std::int64_t open_program(std::string_view path, Program& program) {
    program.descriptor = open_executable(path);
    if (program.descriptor < 0) {
        return program.descriptor;
    }
    auto const bytes = read_head(program.descriptor);
    if (bytes < 0) {
        close(program.descriptor);
        return bytes;
    }
    auto const head = channel_text(bytes);
    if (head.starts_with("#!")) {
        return 1;
    }
    auto const executable = Executable::parse(std::as_bytes(std::span(head)));
    auto const handle = executable ? ask(protocol::Operation::map_open,
                                         static_cast<std::uint64_t>(program.descriptor), 0)
                                   : -ENOEXEC;
    if (handle < 0) {
        close(program.descriptor);
        return handle;
    }
    program.executable = *executable;
    program.handle = static_cast<std::uint64_t>(handle);
    return 0;
}

// The dynamic linker that the program names, if it names one.
std::int64_t open_linker(Program const& program, Program& linker) {
    std::array<char, 256> path{};
    auto const& executable = program.executable;
    if (executable.linker_bytes() == 0) {
        return 0;
    }
    if (executable.linker_bytes() >= path.size()) {
        return -ENOEXEC;
    }
    auto const got = ask(__NR_pread64, static_cast<std::uint64_t>(program.descriptor),
                         executable.linker_bytes(), executable.linker_offset());
    if (got != static_cast<std::int64_t>(executable.linker_bytes())) {
        return -ENOEXEC;
    }
    std::memcpy(path.data(), data_of(this_thread()), executable.linker_bytes());
    auto const opened = open_program({path.data()}, linker);
    if (opened < 0) {
        say("libos: the program is linked dynamically and '{}' is not here: link it with -static\n",
            std::string_view{path.data()});
    }
    return opened > 0 ? -ENOEXEC : opened;
}

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
// Between the stack and what mmap gives out.
constexpr std::uint64_t vdso_at = mappings_top;

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

// Builds the first stack downwards: AMD64 ABI, section 3.4.1.
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

// Pointers to `count` strings that lie one behind the other from `at` on, and a null, below `end`.
void push_pointers(StackBuilder& stack, std::uint64_t at, char const* text, std::uint64_t count,
                   std::uint64_t place) {
    (void)stack;
    for (std::uint64_t i = 0; i < count; ++i) {
        (void)copy_out(place + i * 8, at);
        auto const length = std::strlen(text) + 1;
        text += length;
        at += length;
    }
    std::uint64_t const null = 0;
    (void)copy_out(place + count * 8, null);
}

// The stack pointer that the program begins with; 0 if there was no memory.
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
    fill_random(random.data(), random.size());
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
    if (stack.failed() || !copy_out(begin, strings.arguments)) {
        return 0;
    }
    push_pointers(stack, arguments_at, arguments, strings.arguments, begin + 8);
    push_pointers(stack, variables_at, variables, strings.variables,
                  begin + 8 + (strings.arguments + 1) * 8);
    return begin;
}

// As a new program finds them: SDM volume 1, section 13.6.
void reset_vectors() {
    alignas(64) std::array<std::byte, page_bytes> area{};
    constexpr std::uint32_t mxcsr = 0x1f80;
    constexpr std::uint16_t x87_control = 0x37f;
    std::memcpy(&area[24], &mxcsr, sizeof(mxcsr));
    std::memcpy(&area[0], &x87_control, sizeof(x87_control));
    asm volatile("xrstor64 (%0)" : : "r"(area.data()), "a"(~0u), "d"(~0u) : "memory");
}

void reset_thread(std::string_view path) {
    auto& thread = this_thread();
    auto const name = path.substr(path.rfind('/') + 1);
    thread.name = {};
    std::ranges::copy(name.substr(0, thread.name.size() - 1), thread.name.begin());
    thread.clear_on_exit = 0;
    thread.robust_list = 0;
    reset_handlers();
    asm volatile("wrfsbase %0" : : "r"(std::uint64_t{0}));
    reset_vectors();
}

}  // namespace

std::int64_t execute(ExecStrings const& given, Registers& registers) {
    auto strings = given;
    Program program;
    constexpr int most_scripts = 5;  // as Linux: a script whose interpreter is a script, and so on
    auto opened = open_program({strings.text, strings.path_bytes - 1}, program);
    for (int i = 0; opened == 1; ++i) {
        auto const done =
            i == most_scripts ? -ELOOP : rewrite_for_script(strings, channel_text(page_bytes));
        close(program.descriptor);
        if (done < 0) {
            return done;
        }
        opened = open_program({strings.text, strings.path_bytes - 1}, program);
    }
    if (opened < 0) {
        return opened;
    }
    Program linker;
    opened = open_linker(program, linker);
    if (opened < 0) {
        close(program.descriptor);
        return opened;
    }
    if (linker.handle != 0) {
        close(linker.descriptor);
    }
    // From here on there is no way back.
    end_other_threads();
    auto const told = std::min<std::uint64_t>(strings.path_bytes + strings.argument_bytes,
                                              protocol::channel_data_bytes);
    std::memcpy(data_of(this_thread()), strings.text, told);
    (void)ask(protocol::Operation::exec_done, strings.path_bytes, told,
              static_cast<std::uint64_t>(program.descriptor));
    close(program.descriptor);
    auto const stack = make_memory(program, linker) && copy_vdso() && clear_tails(program) &&
                               (linker.handle == 0 || clear_tails(linker))
                           ? make_stack(strings, program, linker)
                           : 0;
    if (stack == 0) {
        say("libos: no memory for '{}'\n", std::string_view{strings.text, strings.path_bytes - 1});
        end_process(SIGKILL);
    }
    process.uses_parents_memory = false;
    process.lent_to = 0;
    reset_thread({strings.text, strings.path_bytes - 1});
    registers = {};
    auto const& first = linker.handle != 0 ? linker : program;
    registers.frame.rip = first.executable.entry() + first.bias;
    registers.frame.rsp = stack;
    registers.frame.rflags = 0x202;
    registers.frame.cs = 0x2b;
    registers.frame.ss = 0x23;
    return 0;
}

}  // namespace quarry::libos
