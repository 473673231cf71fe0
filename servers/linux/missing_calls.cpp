#include "servers/linux/missing_calls.hpp"

#include <algorithm>
#include <map>
#include <string_view>

namespace quarry::server {
namespace {

constexpr std::uint64_t most = 1024;  // what is above counts as one

struct CallName {
    std::uint64_t number;
    std::string_view name;
};
constexpr CallName call_names[] = {
#include <call_names.inc>  // made by tools/call_names.sh
};

std::map<std::uint64_t, std::uint64_t>& counts() {
    static std::map<std::uint64_t, std::uint64_t> table;
    return table;
}

}  // namespace

std::uint64_t count_missing_call(std::uint64_t number) {
    return counts()[std::min(number, most)]++;
}

std::string missing_calls_text() {
    std::string text;
    for (auto const [number, count] : counts()) {
        auto const* const found = std::ranges::find(call_names, number, &CallName::number);
        text += std::to_string(count) + " " + std::to_string(number) + " ";
        text += found == std::end(call_names) ? std::string_view{"?"} : found->name;
        text += "\n";
    }
    return text;
}

}  // namespace quarry::server
