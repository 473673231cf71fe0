#include "arch/x86_64/panic.hpp"

#include "arch/x86_64/instructions.hpp"
#include "arch/x86_64/kernel_symbols.hpp"
#include "arch/x86_64/memory.hpp"
#include "arch/x86_64/power.hpp"
#include "arch/x86_64/traps.hpp"
#include "kernel/console.hpp"
#include "kernel/kernel.hpp"
#include "kernel/monitor/monitor.hpp"

#include <array>

namespace quarry::x86 {
namespace {

constinit bool panicking = false;

bool is_kernel_address(std::uint64_t address) { return address >= DIRECT_MAP_BASE; }

void print_place(std::uint64_t address) {
    auto const symbol = kernel_symbol(address);
    print("    {:016x}  {}+0x{:x}\n", address, symbol.name, symbol.offset);
}

// Whether eight bytes at `address` can be read without a fault.
bool is_mapped(std::uint64_t address) {
    auto table = PhysPage::containing(PhysAddr{read_cr3()});
    for (unsigned level = machine::top_level;; --level) {
        auto const entry = machine::table(table)[address >> (12 + 9 * level) & 511];
        if (!entry.is_present()) {
            return false;
        }
        if (entry.is_leaf(level)) {
            return true;
        }
        table = entry.frame();
    }
}

void print_backtrace(std::uint64_t rip, std::uint64_t frame) {
    print("  calls\n");
    print_place(rip);
    for (unsigned i = 0; i < 24 && is_kernel_address(frame) && frame % 8 == 0; ++i) {
        if (!is_mapped(frame) || !is_mapped(frame + 8)) {
            return;
        }
        auto const* const record = __builtin_bit_cast(std::array<std::uint64_t, 2> const*, frame);
        auto const [caller, address] = *record;
        if (!is_kernel_address(address)) {
            return;
        }
        print_place(address - 1);
        if (caller <= frame) {
            return;
        }
        frame = caller;
    }
}

void print_page_walk(std::uint64_t address) {
    print("  page walk of 0x{:x}\n", address);
    auto table = PhysPage::containing(PhysAddr{read_cr3()});
    constexpr std::array<std::string_view, 4> names{"PT", "PD", "PDPT", "PML4"};
    for (unsigned level = machine::top_level;; --level) {
        auto const index = address >> (12 + 9 * level) & 511;
        auto const entry = machine::table(table)[index];
        print("    {:<5}[{:3}] = {:016x}{}\n", names[level], index, entry.raw(),
              entry.is_present() ? "" : "  not present");
        if (!entry.is_present() || entry.is_leaf(level)) {
            return;
        }
        table = entry.frame();
    }
}

void print_registers(machine::SavedState const& f) {
    print("  rax {:016x}  rbx {:016x}  rcx {:016x}  rdx {:016x}\n", f.rax, f.rbx, f.rcx, f.rdx);
    print("  rsi {:016x}  rdi {:016x}  rbp {:016x}  rsp {:016x}\n", f.rsi, f.rdi, f.rbp, f.rsp);
    print("  r8  {:016x}  r9  {:016x}  r10 {:016x}  r11 {:016x}\n", f.r8, f.r9, f.r10, f.r11);
    print("  r12 {:016x}  r13 {:016x}  r14 {:016x}  r15 {:016x}\n", f.r12, f.r13, f.r14, f.r15);
    print("  rip {:016x}  rflags {:x}  cs {:x}  cr2 {:016x}  cr3 {:x}\n", f.rip, f.rflags, f.cs,
          read_cr2(), read_cr3());
}

void begin(std::string_view cause) {
    if (panicking) {  // a fault while saying what went wrong
        stop_machine(StopCode::panic);
    }
    panicking = true;
    print("\nQuarry panic: {}\n", cause);
    if (auto const* const current = this_processor().current) {
        print("  while {} [{:x}] was running\n", current->space().name(), current->id.value);
    }
}

[[noreturn]] void end() {
    print("  This is a bug in the kernel: no program should be able to cause it.\n");
#ifdef QUARRY_CHECK_LOCKS
    run_monitor(the_kernel, this_processor().current, "panic");
#endif
    stop_machine(StopCode::panic);
}

}  // namespace

void panic_from_trap(machine::SavedState const& frame, std::string_view cause) {
    begin(cause);
    bool const page_fault = frame.vector == vector_page_fault;
    bool const in_guard = frame.vector == vector_double_fault && is_guard_page(read_cr2());
    if (in_guard || (page_fault && is_guard_page(read_cr2()))) {
        print("  a kernel stack overflowed into its guard page\n");
    } else if (page_fault && (frame.error & 1) != 0 && read_cr2() < abi::canonical_limit) {
        print("  the kernel touched user memory outside the copy path ({})\n",
              (frame.error & 16) != 0 ? "SMEP" : "SMAP");
    }
    print("  vector {}, error {:x}\n", frame.vector, frame.error);
    print_registers(frame);
    if (page_fault || in_guard) {
        print_page_walk(read_cr2());
    }
    print_backtrace(frame.rip, frame.rbp);
    end();
}

void panic(std::string_view cause) {
    begin(cause);
    print_backtrace(__builtin_bit_cast(std::uint64_t, __builtin_return_address(0)),
                    __builtin_bit_cast(std::uint64_t, __builtin_frame_address(0)));
    end();
}

}  // namespace quarry::x86

// A failed check of libc++'s, a smashed stack, a call of a pure virtual function.
extern "C" {
[[noreturn]] void quarry_library_assertion(char const* message) noexcept {
    quarry::x86::panic(message);
}
std::uintptr_t __stack_chk_guard = 0x595e9fbd94fda766;
[[noreturn]] void __stack_chk_fail() { quarry::x86::panic("a kernel stack frame was overwritten"); }
[[noreturn]] void __cxa_pure_virtual() { quarry::x86::panic("a pure virtual function was called"); }
}
namespace std {
inline namespace __1 {
[[noreturn]] void __libcpp_verbose_abort(char const* format, ...) { quarry::x86::panic(format); }
}  // namespace __1
}  // namespace std
