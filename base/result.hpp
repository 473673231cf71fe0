// Errors as values. A Result cannot be ignored, and TRY hands an error on to the caller.
#pragma once

#include "abi/error.hpp"

#include <expected>
#include <utility>

namespace quarry {

using abi::Error;

template <typename T = void>
class [[nodiscard]] Result : public std::expected<T, Error> {
  public:
    using std::expected<T, Error>::expected;
    // NOLINTNEXTLINE(google-explicit-constructor): `return Error::not_found;` is the point
    constexpr Result(Error error) : std::expected<T, Error>(std::unexpected(error)) {}

    // The value itself, moved out; only after the check.
    constexpr T take() && { return *std::move(*this); }
};

template <>
class [[nodiscard]] Result<void> : public std::expected<void, Error> {
  public:
    using std::expected<void, Error>::expected;
    // NOLINTNEXTLINE(google-explicit-constructor)
    constexpr Result(Error error) : std::expected<void, Error>(std::unexpected(error)) {}
    constexpr void take() && {}
};

}  // namespace quarry

// TRY(expression): the value of a Result, or a return of its error from the enclosing function.
#define TRY(expression)                              \
    ({                                               \
        auto try_result_ = (expression);             \
        if (!try_result_.has_value()) [[unlikely]] { \
            return try_result_.error();              \
        }                                            \
        std::move(try_result_).take();               \
    })
