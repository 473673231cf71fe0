#include "kernel/dispatch.hpp"

#include "kernel/calls/ipc_shortcuts.hpp"
#include "kernel/calls/page_shortcuts.hpp"
#include "kernel/handlers.hpp"
#include "kernel/jos.hpp"
#include "kernel/trace.hpp"

#include <algorithm>
#include <tuple>

namespace quarry {
namespace {

template <typename Call, typename... Calls>
inline constexpr bool one_of = (std::same_as<Call, Calls> || ...);

// After these the caller may not be the one to run next; the others return on the short path.
template <typename Call>
inline constexpr bool can_switch =
    one_of<Call, abi::ConsoleRead, abi::SpaceDestroy, abi::EnvStart, abi::EnvStop, abi::EnvDestroy,
           abi::Exit, abi::Yield, abi::EnvWait, abi::EnvInterrupt, abi::InterruptWait, abi::Sleep,
           abi::YieldTo, abi::WordWait, abi::WordWake, abi::IpcCall, abi::IpcSend, abi::IpcReceive,
           abi::IpcReplyReceive>;

template <typename Call>
constexpr bool can_run_out = std::ranges::any_of(
    Call::Fails::list, [](abi::Error error) { return error == abi::Error::out_of_frames; });

template <typename T>
std::uint64_t encode(Result<T> const& result) {
    if (!result) {
        return encode_error(result.error());
    }
    // A message goes from saved registers to saved registers, not through here.
    if constexpr (std::same_as<T, void> || std::same_as<T, abi::Message>) {
        return 0;
    } else if constexpr (requires { result->value; }) {
        return result->value;
    } else {
        return *result;
    }
}

constexpr int last_of() { return 0; }
template <typename... Values>
auto const& last_of(Values const&... values) {
    return std::get<sizeof...(Values) - 1>(std::tie(values...));
}

// Parses parameter after parameter, then calls the handler with all of them.
template <typename Call, typename... Wires, typename... Parsed>
Result<typename Call::Value> decode_and_handle(Caller& caller, Decoder& decoder,
                                               std::tuple<Wires...>*, Parsed&... parsed) {
    if constexpr (sizeof...(Parsed) == sizeof...(Wires)) {
        return handle(Tag<Call>{}, caller, std::move(parsed)...);
    } else {
        using Wire = std::tuple_element_t<sizeof...(Parsed), std::tuple<Wires...>>;
        auto value = TRY(decoder.next<Wire>(last_of(parsed...)));
        return decode_and_handle<Call>(caller, decoder, static_cast<std::tuple<Wires...>*>(nullptr),
                                       parsed..., value);
    }
}

// Whether the call must be made again: a lock was taken that cannot be waited for while others are
// held, or memory of spaces that have ended is still on its way back.
template <typename Call>
bool must_repeat(Kernel& kernel, Error error) {
    if (error == busy) {
        machine::spin_pause();
        return true;
    }
    return can_run_out<Call> && (error == Error::out_of_frames || error == Error::out_of_account) &&
           kernel.reclaim_step();
}

// Not inlined: the shortcuts end in it, and are to be leaves.
template <typename Call>
[[gnu::noinline]] std::uint64_t enter(std::uint64_t a, std::uint64_t b, std::uint64_t c,
                                      std::uint64_t d, std::uint64_t e, std::uint64_t f) {
    using Types = typename Call::Arguments::Types;
    static_assert(abi::words_of<Types> <= abi::argument_registers);
    auto& kernel = the_kernel;
    auto& self = *this_processor().current;
    Caller caller{kernel, self, self.space()};
    std::array<std::uint64_t, abi::argument_registers> const words{a, b, c, d, e, f};

    auto result = [&] {
        Decoder decoder{caller, words};
        return decode_and_handle<Call>(caller, decoder, static_cast<Types*>(nullptr));
    };
    auto outcome = result();
    while (!outcome && must_repeat<Call>(kernel, outcome.error())) [[unlikely]] {
        outcome = result();
    }
    if constexpr (std::same_as<Call, abi::ConsoleWrite>) {
        if (!outcome && outcome.error() == Error::bad_buffer && caller.space.form().is_jos()) {
            jos::end_for_bad_buffer(self, a, b);
        }
    }
    if constexpr (can_switch<Call>) {
        bool const is_deferred = !outcome && outcome.error() == deferred;
        if (!is_deferred) {
            auto const word = encode(outcome);
            if (!kernel.must_switch() && Kernel::deliverable(self) == 0) {
                return word;
            }
            self.saved.set_result(word);
        }
        kernel.leave_call();
        return 0;  // only in tests: the result is in the saved registers
    }
    return encode(outcome);
}

template <typename Call>
std::uint64_t traced(std::uint64_t a, std::uint64_t b, std::uint64_t c, std::uint64_t d,
                     std::uint64_t e, std::uint64_t f) {
    auto& self = *this_processor().current;
    std::array<std::uint64_t, abi::argument_registers> const words{a, b, c, d, e, f};
    tracing::print_call<Call>(self, words);
    if constexpr (can_switch<Call>) {
        // Another environment's calls may come before its result.
        tracing::write("...\n");
        self.traces_result = true;
    }
    auto const result = enter<Call>(a, b, c, d, e, f);
    if constexpr (can_switch<Call>) {
        self.traces_result = false;
        tracing::write("[{} {:x}] ... {}", self.space().name(), self.id.value, Call::name);
    }
    tracing::print_result(result);
    return result;
}

std::uint64_t no_such_call(std::uint64_t, std::uint64_t, std::uint64_t, std::uint64_t,
                           std::uint64_t, std::uint64_t) {
    return encode_error(Error::bad_call);
}

// With `as_entered`, what entry code calls first; else what does the whole call.
constexpr CallTable make_table(bool as_entered, bool is_traced = false) {
    CallTable table{};
    table.fill(&no_such_call);
    abi::AllCalls::each([&]<typename Call>() {
        if (as_entered && !is_traced && shortcut<Call> != nullptr) {
            table[Call::index] = shortcut<Call>;
        } else if (as_entered && can_switch<Call> && machine::saves_in_thunks) {
            table[Call::index] = &quarry_save_and_call;
        } else {
            table[Call::index] = is_traced ? &traced<Call> : &enter<Call>;
        }
    });
    return table;
}

}  // namespace

extern "C" constinit CallTable const quarry_call_table = make_table(true);
extern "C" constinit CallTable const quarry_full_table = make_table(false);

void set_tracing(bool on) {
    static constexpr std::array tables{make_table(true), make_table(false), make_table(true, true),
                                       make_table(false, true)};
    for (std::size_t i = 0; i < abi::call_table_slots; ++i) {
        machine::patch(&quarry_call_table[i], tables[on ? 2 : 0][i]);
        machine::patch(&quarry_full_table[i], tables[on ? 3 : 1][i]);
    }
    machine::use_direct_entries(!on);
}

}  // namespace quarry
