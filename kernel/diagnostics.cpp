#include "kernel/diagnostics.hpp"

#include "base/cpio.hpp"
#include "kernel/symbols.hpp"
#include "machine/machine.hpp"

#include <array>

namespace quarry {
namespace {

constexpr unsigned max_calls = 16;

// A value in any space's memory, found through its tables; it lies in one page.
template <typename T>
std::optional<T> read_memory(Space& space, std::uint64_t address) {
    if (!user_limit(UserAddr{address}, space.user_top()) ||
        address % page_bytes > page_bytes - sizeof(T)) {
        return std::nullopt;
    }
    auto const memory = memory_at(space, UserPage::containing(UserAddr{address}));
    if (memory.empty()) {
        return std::nullopt;
    }
    return read_at<T>(memory, address % page_bytes);
}

void print_place(Bytes program, std::uint64_t address) {
    auto const symbol = find_symbol(program, address);
    if (symbol) {
        print("    {:016x}  {}+0x{:x}\n", address, symbol->name, symbol->offset);
    } else {
        print("    {:016x}\n", address);
    }
}

struct CallRecord {
    std::uint64_t caller_frame;
    std::uint64_t return_address;
};

// Follows the frame pointers (AMD64 ABI, section 3.2.2) through memory that may hold anything.
void print_calls(Bytes program, Environment const& environment) {
    print_place(program, environment.saved.rip);
    auto frame = environment.saved.rbp;
    for (unsigned i = 0; i < max_calls && frame % 8 == 0; ++i) {
        auto const record = read_memory<CallRecord>(environment.space(), frame);
        if (!record || record->return_address == 0) {
            return;
        }
        // The call, not the instruction after it.
        print_place(program, record->return_address - 1);
        if (record->caller_frame <= frame) {
            return;
        }
        frame = record->caller_frame;
    }
}

std::string_view name_of(abi::EnvState state) {
    constexpr std::array<std::string_view, 4> names{"stopped", "runnable", "blocked", "ended"};
    auto const index = static_cast<std::size_t>(state);
    return index < names.size() ? names[index] : "?";
}

std::string_view name_of(Wait wait) {
    switch (wait) {
        case Wait::none:
            return "";
        case Wait::keys:
            return ": a key";
        case Wait::time:
            return ": a time";
        case Wait::bits:
            return ": interrupt bits";
        case Wait::word:
            return ": a word of memory";
        case Wait::end:
            return ": the end of";
        case Wait::off:
            return ": the processor to let go of";
        case Wait::to_send:
            return ": sending to";
        case Wait::for_reply:
            return ": a reply of";
        case Wait::to_receive:
            return ": a message of";
    }
    return "?";
}

void print_wait(Environment const& environment) {
    auto const [wait, of] = environment.present_wait();
    print("{}", name_of(wait));
    if (wait == Wait::to_receive && of == 0) {
        print(" anyone");
    } else if (wait == Wait::bits || wait >= Wait::end) {
        print(" {:x}", of);
    }
    if (wait != Wait::none && environment.deadline != 0) {
        print(", until {} ns", environment.deadline);
    }
}

}  // namespace

Bytes memory_at(Space& space, UserPage page) {
    auto const slot = space.tables().find(page);
    if (!slot.is_mapping()) {
        return {};
    }
    auto const offset = slot.level == 0 ? 0 : page.number() % huge_pages;
    return machine::frame_bytes(slot.read().frame().plus(offset));
}

void report_fault(Kernel& kernel, Environment& environment, Fault const& fault) {
    auto const& space = environment.space();
    print("\n[{} {:x}] ended: {} ({}), address 0x{:x}, rip 0x{:x}\n", space.name(),
          environment.id.value, fault.name, fault.detail, fault.address, environment.saved.rip);
    print_backtrace(kernel, environment);
}

void print_backtrace(Kernel& kernel, Environment const& environment) {
    auto const program = Archive{kernel.archive}.find(environment.space().name());
    print_calls(program.value_or(Bytes{}), environment);
}

void print_registers(Environment const& environment) {
    auto const& r = environment.saved;
    print("  rax {:016x}  rbx {:016x}  rcx {:016x}  rdx {:016x}\n", r.rax, r.rbx, r.rcx, r.rdx);
    print("  rsi {:016x}  rdi {:016x}  rbp {:016x}  rsp {:016x}\n", r.rsi, r.rdi, r.rbp, r.rsp);
    print("  r8  {:016x}  r9  {:016x}  r10 {:016x}  r11 {:016x}\n", r.r8, r.r9, r.r10, r.r11);
    print("  r12 {:016x}  r13 {:016x}  r14 {:016x}  r15 {:016x}\n", r.r12, r.r13, r.r14, r.r15);
    print("  rip {:016x}  rflags {:x}\n", r.rip, r.rflags);
}

void print_environments(Kernel& kernel, std::size_t most, Environment const* interrupted) {
    std::size_t count = 0;
    kernel.environments.each([&](Environment& environment) {
        if (++count > most) {
            return;
        }
        print("  {:x} [{:08x}]  {}", environment.id.value,
              std::uint64_t{static_cast<std::uint32_t>(abi::jos_id_of(environment.id))},
              name_of(environment.present_state()));
        print_wait(environment);
        print("; {}, rip 0x{:x}", environment.space().name(), environment.saved.rip);
        if (!environment.awaits_partner() && environment.on != Environment::nowhere) {
            print(", on processor {}", unsigned{environment.on});
        }
        print("{}\n", &environment == interrupted ? "  <- interrupted" : "");
    });
    if (count > most) {
        print("  and {} more\n", count - most);
    }
}

}  // namespace quarry
