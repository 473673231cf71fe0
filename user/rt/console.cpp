#include "user/rt/console.hpp"

#include "user/rt/program.hpp"

namespace quarry {

void write_text(std::string_view text) {
    while (!text.empty()) {
        auto const written = console_write({text.data(), text.size()});
        if (!written) {
            exit_program(exit_status::broken_console);
        }
        text.remove_prefix(*written);
    }
}

Result<std::size_t> read_keys(std::span<char> to) {
    for (;;) {
        auto const count = console_read({to.data(), to.size()}, 0);
        if (count || count.error() != Error::again) {
            return count;
        }
    }
}

}  // namespace quarry
