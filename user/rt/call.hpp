// The stubs of the native calls, made from their declarations: `page_unmap(own_space, {at, 1})`.
#pragma once

#include "abi/calls.hpp"
#include "base/result.hpp"

#include <array>
#include <cstdint>
#include <tuple>

namespace quarry {

using abi::own_env;
using abi::own_space;

namespace rt {

// What a native program's space has: the views, and its tables to read, which fork needs.
inline constexpr auto space_options = abi::space_option::views | abi::space_option::self_map;

// SYSCALL keeps rbx, rbp, rsp, r12 to r15; every other register comes back with a value of the
// kernel's choosing that means nothing, but rax. Only the registers of the call's arguments are
// loaded.
template <std::size_t Count = 6>
[[gnu::always_inline]] inline std::uint64_t raw_call(std::uint64_t number, std::uint64_t a = 0,
                                                     std::uint64_t b = 0, std::uint64_t c = 0,
                                                     std::uint64_t d = 0, std::uint64_t e = 0,
                                                     std::uint64_t f = 0) {
    register std::uint64_t r10 asm("r10");
    register std::uint64_t r8 asm("r8");
    register std::uint64_t r9 asm("r9");
    if constexpr (Count == 0) {
        asm volatile("syscall"
                     : "+a"(number), "=D"(a), "=S"(b), "=d"(c), "=r"(r10), "=r"(r8), "=r"(r9)
                     :
                     : "rcx", "r11", "memory", "cc");
    } else if constexpr (Count <= 3) {
        asm volatile("syscall"
                     : "+a"(number), "+D"(a), "+S"(b), "+d"(c), "=r"(r10), "=r"(r8), "=r"(r9)
                     :
                     : "rcx", "r11", "memory", "cc");
    } else if constexpr (Count == 4) {
        r10 = d;
        asm volatile("syscall"
                     : "+a"(number), "+D"(a), "+S"(b), "+d"(c), "+r"(r10), "=r"(r8), "=r"(r9)
                     :
                     : "rcx", "r11", "memory", "cc");
    } else {
        r10 = d;
        r8 = e;
        r9 = f;
        asm volatile("syscall"
                     : "+a"(number), "+D"(a), "+S"(b), "+d"(c), "+r"(r10), "+r"(r8), "+r"(r9)
                     :
                     : "rcx", "r11", "memory", "cc");
    }
    return number;
}

template <typename T>
constexpr Result<T> decode_result(std::uint64_t word) {
    constexpr std::uint64_t first_error = ~std::uint64_t{0} - 4094;
    if (word >= first_error) [[unlikely]] {
        return static_cast<Error>(~word + 1);
    }
    if constexpr (std::same_as<T, void>) {
        return {};
    } else if constexpr (requires(T t) { t.value; }) {
        return T{word};
    } else {
        return static_cast<T>(word);
    }
}

template <typename Call, typename Types = typename Call::Arguments::Types>
struct Stub;

template <typename Call, typename... Wires>
struct Stub<Call, std::tuple<Wires...>> {
    [[gnu::always_inline]] Result<typename Call::Value> operator()(Wires... values) const {
        std::array<std::uint64_t, abi::argument_registers> words{};
        std::size_t used = 0;
        ((abi::Codec<Wires>::encode(values, &words[used]), used += abi::Codec<Wires>::words), ...);
        return decode_result<typename Call::Value>(raw_call<(abi::Codec<Wires>::words + ... + 0)>(
            Call::number, words[0], words[1], words[2], words[3], words[4], words[5]));
    }
};

// A call that may go straight to another environment: of the caller's registers only RSP is kept, and
// RBP so that backtraces hold. The words come back as the call left them.
[[gnu::always_inline]] inline std::uint64_t raw_switching_call(
    std::uint64_t number, std::array<std::uint64_t, abi::argument_registers>& words) {
    register std::uint64_t r10 asm("r10") = words[3];
    register std::uint64_t r8 asm("r8") = words[4];
    register std::uint64_t r9 asm("r9") = words[5];
    asm volatile("syscall"
                 : "+a"(number), "+D"(words[0]), "+S"(words[1]), "+d"(words[2]), "+r"(r10),
                   "+r"(r8), "+r"(r9)
                 :
                 : "rcx", "r11", "rbx", "r12", "r13", "r14", "r15", "memory", "cc");
    words[3] = r10;
    words[4] = r8;
    words[5] = r9;
    return number;
}

// The calls whose answer is a message in registers.
template <typename Call, typename Types = typename Call::Arguments::Types>
struct MessageStub;

template <typename Call, typename... Wires>
struct MessageStub<Call, std::tuple<Wires...>> {
    [[gnu::always_inline]] Result<abi::Message> operator()(Wires... values) const {
        std::array<std::uint64_t, abi::argument_registers> words{};
        std::size_t used = 0;
        ((abi::Codec<Wires>::encode(values, &words[used]), used += abi::Codec<Wires>::words), ...);
        TRY(decode_result<void>(raw_switching_call(Call::number, words)));
        return abi::Message{{words[0]}, {words[1], words[2], words[3], words[4]}, words[5]};
    }
};

// Directed yield: as with messages, of the caller's registers little is kept.
struct YieldToStub {
    [[gnu::always_inline]] Result<void> operator()(abi::PeerId env) const {
        auto rax = abi::YieldTo::number;
        auto rdi = env.value;
        asm volatile("syscall"
                     : "+a"(rax), "+D"(rdi)
                     :
                     : "rcx", "rdx", "rsi", "r8", "r9", "r10", "r11", "rbx", "r12", "r13", "r14",
                       "r15", "memory", "cc");
        return decode_result<void>(rax);
    }
};

}  // namespace rt

// One function object a call. Semantics and errors: docs/calls.md.
inline constexpr rt::Stub<abi::ConsoleWrite> console_write{};
inline constexpr rt::Stub<abi::ConsoleRead> console_read{};
inline constexpr rt::Stub<abi::EnvSelf> env_self{};
inline constexpr rt::Stub<abi::SpaceSelf> space_self{};
inline constexpr rt::Stub<abi::SpaceCreate> space_create{};
inline constexpr rt::Stub<abi::SpaceDestroy> space_destroy_step{};
inline constexpr rt::Stub<abi::WindowGrant> window_grant{};
inline constexpr rt::Stub<abi::WindowRevoke> window_revoke{};
inline constexpr rt::Stub<abi::SpaceNextChild> space_next_child{};
inline constexpr rt::Stub<abi::EnvWait> env_wait{};
inline constexpr rt::Stub<abi::EnvSetUpcall> env_set_upcall{};
inline constexpr rt::Stub<abi::EnvNotify> env_notify{};
inline constexpr rt::Stub<abi::EnvInterrupt> env_interrupt{};
inline constexpr rt::Stub<abi::InterruptWait> interrupt_wait{};
inline constexpr rt::Stub<abi::Sleep> sleep_until{};
inline constexpr rt::YieldToStub yield_to{};
inline constexpr rt::Stub<abi::WordWait> word_wait{};
inline constexpr rt::Stub<abi::WordWake> word_wake{};
inline constexpr rt::Stub<abi::IpcSend> ipc_send{};
inline constexpr rt::MessageStub<abi::IpcCall> ipc_call{};
inline constexpr rt::MessageStub<abi::IpcReceive> ipc_receive{};
inline constexpr rt::MessageStub<abi::IpcReplyReceive> ipc_reply_receive{};
inline constexpr rt::Stub<abi::EnvCreate> env_create{};
inline constexpr rt::Stub<abi::EnvSetFrame> env_set_frame{};
inline constexpr rt::Stub<abi::EnvStart> env_start{};
inline constexpr rt::Stub<abi::EnvStop> env_stop{};
inline constexpr rt::Stub<abi::EnvDestroy> env_destroy{};
inline constexpr rt::Stub<abi::EnvGetStatus> env_status{};
inline constexpr rt::Stub<abi::Exit> env_exit{};
inline constexpr rt::Stub<abi::PageAlloc> page_alloc{};
inline constexpr rt::Stub<abi::PageMap> page_map{};
inline constexpr rt::Stub<abi::PageMove> page_move{};
inline constexpr rt::Stub<abi::PageProtect> page_protect{};
inline constexpr rt::Stub<abi::PageUnmap> page_unmap{};
inline constexpr rt::Stub<abi::PageSplit> page_split{};
inline constexpr rt::Stub<abi::PageShare> page_share{};
inline constexpr rt::Stub<abi::Yield> yield{};
inline constexpr rt::Stub<abi::Clock> clock_nanoseconds{};
inline constexpr rt::Stub<abi::AccountGetStatus> account_status{};

}  // namespace quarry
