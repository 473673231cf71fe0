#include "user/linux/script.hpp"

#include "user/linux/layout.hpp"
#include "user/linux/uapi.hpp"

#include <array>
#include <cstring>

namespace quarry::libos {

std::int64_t rewrite_for_script(ExecStrings& strings, std::string_view head) {
    auto line = head.substr(2, head.find('\n') - 2);
    auto const trim = [](std::string_view text) {
        auto const first = text.find_first_not_of(" \t");
        if (first == std::string_view::npos) {
            return std::string_view{};
        }
        return text.substr(first, text.find_last_not_of(" \t\r") + 1 - first);
    };
    line = trim(line);
    auto const blank = line.find_first_of(" \t");
    auto const interpreter = line.substr(0, blank);
    auto const argument =
        blank == std::string_view::npos ? std::string_view{} : trim(line.substr(blank));
    if (interpreter.empty() || interpreter.size() + argument.size() > 250) {
        return -ENOEXEC;
    }
    // path NUL [interpreter NUL] [argument NUL] path NUL, then what follows the old argument 0.
    std::array<char, 256> front{};
    std::size_t front_bytes = 0;
    for (auto const part : {interpreter, argument}) {
        if (!part.empty()) {
            std::memcpy(&front[front_bytes], part.data(), part.size());
            front_bytes += part.size() + 1;
        }
    }
    auto const old_first =
        strings.arguments == 0 ? 0 : std::strlen(strings.text + strings.path_bytes) + 1;
    auto const path_bytes = strings.path_bytes;
    auto const rest_at = path_bytes + old_first;
    auto const rest = strings.argument_bytes - old_first + strings.variable_bytes;
    auto const new_at = interpreter.size() + 1 + front_bytes + path_bytes;
    if (new_at + rest > staging_pages * page_bytes) {
        return -E2BIG;
    }
    std::memmove(strings.text + new_at, strings.text + rest_at, rest);
    std::memmove(strings.text + interpreter.size() + 1 + front_bytes, strings.text, path_bytes);
    std::memcpy(strings.text, front.data(), interpreter.size() + 1);
    std::memcpy(strings.text + interpreter.size() + 1, front.data(), front_bytes);
    strings.path_bytes = interpreter.size() + 1;
    strings.argument_bytes += front_bytes + path_bytes - old_first;
    strings.arguments += (argument.empty() ? 1u : 2u) + (strings.arguments == 0 ? 1u : 0u);
    return 0;
}

}  // namespace quarry::libos
