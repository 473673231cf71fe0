// exec: everything of the old program's goes, and the new one's segments, stack and registers come.
#include "user/linux/calls.hpp"
#include "user/linux/first_stack.hpp"
#include "user/linux/process.hpp"
#include "user/linux/program.hpp"
#include "user/linux/program_memory.hpp"
#include "user/linux/script.hpp"
#include "user/linux/server.hpp"
#include "user/linux/signals.hpp"
#include "user/linux/text.hpp"
#include "user/linux/uapi.hpp"

#include <algorithm>
#include <cstring>

namespace quarry::libos {
namespace {

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
    for (int i = 0; opened > 0; ++i) {
        auto const done = i == most_scripts
                              ? -ELOOP
                              : rewrite_for_script(strings, text_of(this_thread(), opened));
        close_program(program);
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
        close_program(program);
        return opened;
    }
    if (linker.handle != 0) {
        close_program(linker);
    }
    // From here on there is no way back.
    end_other_threads();
    auto const told = std::min<std::uint64_t>(strings.path_bytes + strings.argument_bytes,
                                              protocol::channel_data_bytes);
    std::memcpy(data_of(this_thread()), strings.text, told);
    (void)ask(protocol::Operation::exec_done, strings.path_bytes, told,
              static_cast<std::uint64_t>(program.descriptor));
    close_program(program);
    auto const stack = load(program, linker) ? make_stack(strings, program, linker) : 0;
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
