// How a guest test says what it expects. A test is a program that ends with 0 if all held.
#pragma once

#include "user/rt/console.hpp"
#include "user/rt/program.hpp"

#include <source_location>

namespace quarry::test {

// Ends the test unless `holds`.
inline void check(bool holds, std::string_view what,
                  std::source_location where = std::source_location::current()) {
    if (!holds) {
        print("{}:{}: expected: {}\n", std::string_view{where.file_name()}, where.line(), what);
        exit_program(1);
    }
}

// Ends the test unless the call failed with exactly this error.
template <typename T>
void check_error(Result<T> const& result, Error expected, std::string_view what,
                 std::source_location where = std::source_location::current()) {
    if (result || result.error() != expected) {
        print("{}:{}: {}: expected {}, got {}\n", std::string_view{where.file_name()}, where.line(),
              what, expected, result ? Error::none : result.error());
        exit_program(1);
    }
}

inline std::uint64_t used_pages() {
    abi::AccountStatus status{};
    check(account_status(own_space, {&status}).has_value(), "account_status works");
    return status.used_pages;
}

// Until the environment waits for something: what is to end its wait does not come before it.
inline void wait_until_blocked(abi::EnvId env) {
    abi::EnvStatus status{};
    while (status.state != abi::EnvState::blocked) {
        check(env_status(env, {&status}).has_value(), "it lives");
        (void)yield();
    }
}

// A place in the address space that nothing else uses.
inline constexpr std::uint64_t free_area = 0x2000'0000'0000;

}  // namespace quarry::test
