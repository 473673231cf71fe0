// The registers of an environment that is not running. Entry code stores into it by offset, so its
// layout is asserted in arch/x86_64/entry.S's companion, offsets.hpp.
#pragma once

#include "abi/layout.hpp"
#include "abi/types.hpp"
#include "base/result.hpp"

#include <array>
#include <cstddef>
#include <cstdint>

namespace quarry::machine {

// The end of `ss` is where the processor starts pushing on an interrupt from user mode (TSS.RSP0),
// so it is 16-byte aligned (SDM volume 3A, section 6.14.2).
struct alignas(16) SavedState {
    std::uint64_t r15, r14, r13, r12, r11, r10, r9, r8;
    std::uint64_t rbp, rdi, rsi, rdx, rcx, rbx, rax;
    std::uint64_t vector, error;
    std::uint64_t rip, cs, rflags, rsp, ss;
    std::uint64_t fs_base, gs_base;
    void* vector_area;  // XSAVE area, from the first #NM on

    static constexpr std::uint64_t user_data_selector = 0x20 | 3;
    static constexpr std::uint64_t user_code_selector = 0x28 | 3;
    static constexpr std::uint64_t settable_flags = 0xcd5;  // CF PF AF ZF SF DF OF
    static constexpr std::uint64_t forced_flags = 0x202;    // IF and the bit that is always one

    // A start at `entry` with everything else zero. RIP and RSP were checked by the caller.
    void start_at(std::uint64_t entry, std::uint64_t stack, std::uint64_t argument) {
        *this = {};
        rip = entry;
        rsp = stack;
        rdi = argument;
        cs = user_code_selector;
        ss = user_data_selector;
        rflags = forced_flags;
    }

    // bad_address unless RIP, RSP and the segment bases are canonical user addresses.
    Result<void> set(abi::Frame const& f) {
        auto const is_user = [](std::uint64_t address) { return address < abi::canonical_limit; };
        if (!is_user(f.rip) || !is_user(f.rsp) || !is_user(f.fs_base) || !is_user(f.gs_base)) {
            return Error::bad_address;
        }
        rax = f.rax, rbx = f.rbx, rcx = f.rcx, rdx = f.rdx, rsi = f.rsi, rdi = f.rdi, rbp = f.rbp;
        r8 = f.r8, r9 = f.r9, r10 = f.r10, r11 = f.r11;
        r12 = f.r12, r13 = f.r13, r14 = f.r14, r15 = f.r15;
        rip = f.rip, rsp = f.rsp, fs_base = f.fs_base, gs_base = f.gs_base;
        rflags = (f.rflags & settable_flags) | forced_flags;
        cs = user_code_selector;
        ss = user_data_selector;
        return {};
    }
    void set_single_step(bool on) {
        constexpr std::uint64_t trap_flag = 0x100;
        rflags = on ? rflags | trap_flag : rflags & ~trap_flag;
    }
    void set_result(std::uint64_t value) { rax = value; }
    std::uint64_t result() const { return rax; }
    // A message that came: see abi::IpcCall.
    void set_message(std::uint64_t sender, std::array<std::uint64_t, 4> const& words,
                     std::uint64_t pages) {
        rax = 0;
        rdi = sender;
        rsi = words[0];
        rdx = words[1];
        r10 = words[2];
        r8 = words[3];
        r9 = pages;
    }
    // What runs next is the upcall entry with its frame at `frame` (SDM volume 3A, section 6.8.3:
    // which flags a handler must not inherit).
    void enter_upcall(std::uint64_t entry, std::uint64_t frame) {
        constexpr std::uint64_t df_tf_ac_nt = 0x400 | 0x100 | 0x40000 | 0x4000;
        rip = entry;
        rsp = frame;
        rflags &= ~df_tf_ac_nt;
    }
};
static_assert(offsetof(SavedState, fs_base) == 22 * 8 && offsetof(SavedState, fs_base) % 16 == 0);

}  // namespace quarry::machine
