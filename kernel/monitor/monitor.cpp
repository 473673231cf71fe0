#include "kernel/monitor/monitor.hpp"

#include "kernel/monitor/commands.hpp"
#include "machine/machine.hpp"

#include <algorithm>
#include <array>
#include <optional>

namespace quarry {
namespace {

using namespace monitor;

constexpr std::size_t line_bytes = 160;

// A line as it is typed. Nothing when no key can come any more.
std::optional<std::string_view> read_line(std::span<char, line_bytes> line) {
    std::size_t used = 0;
    for (;;) {
        auto const key = machine::wait_for_key();
        if (!key) {
            return std::nullopt;
        }
        if (*key == '\r' || *key == '\n') {
            print("\n");
            return std::string_view{line.data(), used};
        }
        bool const rubs_out = *key == '\b' || *key == 0x7f;
        if (rubs_out && used != 0) {
            --used;
            print("\b \b");
        } else if (*key >= ' ' && *key <= '~' && used < line.size()) {
            line[used++] = *key;
            print("{}", std::string_view{&*key, 1});
        }
    }
}

Next obey(Context& context, Words const& words) {
    if (words.count() == 0) {
        return Next::prompt;
    }
    auto const all = commands();
    auto const found = std::ranges::find(all, words[0], &Command::name);
    if (found == all.end()) {
        print("Unknown command '{}'. 'help' lists them.\n", words[0]);
        return Next::prompt;
    }
    auto const next = found->run(context, words);
    if (!next) {
        print("{}: {}. Usage: {} {}\n", found->name, next.error(), found->name, found->arguments);
        return Next::prompt;
    }
    return *next;
}

}  // namespace

void run_monitor(Kernel& kernel, Environment* current, std::string_view why) {
    bool const is_jos = current != nullptr && current->space().form().is_jos();
    print("\nWelcome to the {} kernel monitor! ({})\nType 'help' for a list of commands.\n",
          is_jos ? "JOS" : "Quarry", why);
    Context context{kernel, current};
    std::array<char, line_bytes> line;
    auto next = Next::prompt;
    while (next == Next::prompt) {
        print("K> ");
        auto const text = read_line(line);
        next = text ? obey(context, Words{*text}) : Next::goes_on;
    }
}

}  // namespace quarry
