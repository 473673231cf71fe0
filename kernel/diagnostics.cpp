#include "kernel/diagnostics.hpp"

#include "base/cpio.hpp"
#include "kernel/symbols.hpp"
#include "machine/machine.hpp"

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

}  // namespace quarry
