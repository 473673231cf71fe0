#include "kernel/dispatch.hpp"

#include "kernel/handlers.hpp"

#include <algorithm>
#include <tuple>

namespace quarry {
namespace {

// After these the caller may not be the one to run next; the others return on the short path.
template <typename Call>
inline constexpr bool can_switch = false;
template <>
inline constexpr bool can_switch<abi::ConsoleRead> = true;
template <>
inline constexpr bool can_switch<abi::EnvStop> = true;
template <>
inline constexpr bool can_switch<abi::EnvDestroy> = true;
template <>
inline constexpr bool can_switch<abi::Exit> = true;
template <>
inline constexpr bool can_switch<abi::Yield> = true;

template <typename Call>
constexpr bool can_run_out = std::ranges::any_of(
    Call::Fails::list, [](abi::Error error) { return error == abi::Error::out_of_frames; });

template <typename T>
std::uint64_t encode(Result<T> const& result) {
    if (!result) {
        return encode_error(result.error());
    }
    if constexpr (std::same_as<T, void>) {
        return 0;
    } else if constexpr (requires { result->value; }) {
        return result->value;
    } else {
        return *result;
    }
}

// Parses parameter after parameter, then calls the handler with all of them.
template <typename Call, typename... Wires, typename... Parsed>
Result<typename Call::Value> decode_and_handle(Caller& caller, Decoder& decoder,
                                               std::tuple<Wires...>*, Parsed... parsed) {
    if constexpr (sizeof...(Parsed) == sizeof...(Wires)) {
        return handle(Tag<Call>{}, caller, parsed...);
    } else {
        using Wire = std::tuple_element_t<sizeof...(Parsed), std::tuple<Wires...>>;
        auto value = TRY(decoder.next<Wire>());
        return decode_and_handle<Call>(caller, decoder, static_cast<std::tuple<Wires...>*>(nullptr),
                                       parsed..., value);
    }
}

template <typename Call>
std::uint64_t enter(std::uint64_t a, std::uint64_t b, std::uint64_t c, std::uint64_t d,
                    std::uint64_t e, std::uint64_t f) {
    using Types = typename Call::Arguments::Types;
    static_assert(abi::words_of<Types> <= abi::argument_registers);
    auto& kernel = the_kernel;
    auto& self = *kernel.current;
    Caller caller{kernel, self, self.space()};
    std::array<std::uint64_t, abi::argument_registers> const words{a, b, c, d, e, f};

    auto result = [&] {
        Decoder decoder{caller, words};
        return decode_and_handle<Call>(caller, decoder, static_cast<Types*>(nullptr));
    };
    auto outcome = result();
    // Memory of spaces that have ended may still be on its way back; wait for it before giving up.
    while (can_run_out<Call> && !outcome &&
           (outcome.error() == Error::out_of_frames || outcome.error() == Error::out_of_account)) {
        if (!kernel.reclaim_step()) {
            break;
        }
        outcome = result();
    }
    auto const word = encode(outcome);
    if constexpr (can_switch<Call>) {
        if (kernel.must_switch()) {
            self.saved.set_result(word);
            kernel.reschedule();
        }
    }
    return word;
}

std::uint64_t no_such_call(std::uint64_t, std::uint64_t, std::uint64_t, std::uint64_t,
                           std::uint64_t, std::uint64_t) {
    return encode_error(Error::bad_call);
}

constexpr CallTable make_table() {
    CallTable table{};
    table.fill(&no_such_call);
    abi::AllCalls::each([&]<typename Call>() { table[Call::index] = &enter<Call>; });
    return table;
}

}  // namespace

extern "C" constinit CallTable const quarry_call_table = make_table();

}  // namespace quarry
