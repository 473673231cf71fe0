// System calls as text, one line each, from their declarations: names, typed arguments, results. The
// text goes to the machine's second serial port.
#pragma once

#include "abi/calls.hpp"
#include "kernel/environment.hpp"
#include "machine/machine.hpp"

#include "base/format.hpp"

#include <cstdint>
#include <span>
#include <string_view>

namespace quarry::tracing {

template <typename... Args>
void write(FormatString<std::type_identity_t<Args>...> format, Args const&... args) {
    auto to = [](std::string_view text) { machine::trace_write(text); };
    format_to(to, format, args...);
}

void print_rights(std::uint64_t mode);
void print_share_mode(std::uint64_t mode);
void print_result(std::uint64_t word);

// One argument, by its declared type, from its registers on.
template <typename Wire>
void print_argument(std::string_view name, std::span<std::uint64_t const> words) {
    write("{}: ", name);
    if constexpr (std::same_as<Wire, abi::PageRange> || std::same_as<Wire, abi::WindowRange>) {
        write("{:x} + {}", words[0], words[1]);
    } else if constexpr (std::same_as<Wire, abi::InBuffer> || std::same_as<Wire, abi::OutBuffer>) {
        write("{:x}[{}]", words[0], words[1]);
    } else if constexpr (requires { Wire::allowed_options; }) {
        print_rights(words[0]);
    } else if constexpr (std::same_as<Wire, abi::ShareMode>) {
        print_share_mode(words[0]);
    } else if constexpr (std::same_as<Wire, abi::SpaceId> ||
                         std::same_as<Wire, abi::PagesSpaceId> || std::same_as<Wire, abi::EnvId>) {
        if (words[0] == 0) {
            write("own");
        } else {
            write("{:x}", words[0]);
        }
    } else if constexpr (std::same_as<Wire, std::uint64_t>) {
        write("{}", words[0]);
    } else {
        write("{:x}", words[0]);
    }
}

// The line of a call up to its result.
template <typename Call>
void print_call(Environment const& caller, std::span<std::uint64_t const> words) {
    write("[{} {:x}] {}(", caller.space().name(), caller.id.value, Call::name);
    std::size_t used = 0;
    Call::Arguments::each([&]<typename Wire>(std::string_view name) {
        write("{}", used == 0 ? "" : ", ");
        print_argument<Wire>(name, words.subspan(used));
        used += abi::Codec<Wire>::words;
    });
    write(")");
}

}  // namespace quarry::tracing
