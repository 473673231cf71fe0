// Calls that programs made and that are not there, counted by number: /proc/missing_calls.
#pragma once

#include <cstdint>
#include <string>

namespace quarry::server {

// How often it had been made before.
std::uint64_t count_missing_call(std::uint64_t number);

// A line for each: how often, its number, its name.
std::string missing_calls_text();

}  // namespace quarry::server
