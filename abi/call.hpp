// How a system call is declared: once, as a type. See abi/calls.hpp for the declarations.
#pragma once

#include "abi/error.hpp"
#include "abi/fixed_string.hpp"
#include "abi/types.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <tuple>

namespace quarry::abi {

// A call is native when rax is in [native_base, native_base + native_slots); see Contracts.
inline constexpr std::uint64_t native_base = 0x8000'0000;
inline constexpr std::uint64_t native_slots = 0x1000;

template <FixedString Name, typename T>
struct Parameter {
    using Type = T;
    static constexpr auto name = Name.view();
};

template <Error... All>
struct Errors {
    static constexpr std::array<Error, sizeof...(All)> list{All...};
};

template <typename... All>
struct Parameters {
    using Types = std::tuple<typename All::Type...>;
    static constexpr std::size_t count = sizeof...(All);
    template <typename Visitor>
    static constexpr void each(Visitor visitor) {
        (visitor.template operator()<typename All::Type>(All::name), ...);
    }
};

// Results travel in rax: 0 or a value; an error as its negation. Values stay below 2^63.
template <FixedString Name, std::uint64_t Index, typename Params, typename R, typename E,
          FixedString Doc>
struct Call {
    using Arguments = Params;
    using Value = R;
    using Fails = E;
    static constexpr auto name = Name.view();
    static constexpr std::uint64_t index = Index;
    static constexpr std::uint64_t number = native_base + Index;
    static constexpr auto doc = Doc.view();
};

// How a wire type lies in registers. Six are available: rdi rsi rdx r10 r8 r9.
template <typename T>
struct Codec {
    static constexpr std::size_t words = 1;
    static constexpr void encode(T value, std::uint64_t* to) {
        if constexpr (requires { value.bits; }) {
            to[0] = value.bits;
        } else if constexpr (requires { value.address; }) {
            to[0] = __builtin_bit_cast(std::uint64_t, value.address);
        } else if constexpr (requires { value.value; }) {
            to[0] = value.value;
        } else {
            to[0] = value;
        }
    }
};
template <typename T>
    requires requires(T t) { t.pages; } || requires(T t) { t.bytes; }
struct Codec<T> {
    static constexpr std::size_t words = 2;
    static constexpr void encode(T value, std::uint64_t* to) {
        to[0] = __builtin_bit_cast(std::uint64_t, value.address);
        if constexpr (requires { value.pages; }) {
            to[1] = value.pages;
        } else {
            to[1] = value.bytes;
        }
    }
};

inline constexpr std::size_t argument_registers = 6;

template <typename Tuple>
inline constexpr std::size_t words_of = 0;
template <typename... Ts>
inline constexpr std::size_t words_of<std::tuple<Ts...>> = (Codec<Ts>::words + ... + 0);

}  // namespace quarry::abi
