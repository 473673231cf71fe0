// What the monitor can do. A command that returns goes_on leaves the monitor.
#pragma once

#include "kernel/kernel.hpp"
#include "kernel/monitor/words.hpp"

#include <span>
#include <string_view>

namespace quarry::monitor {

enum class Next : std::uint8_t { prompt, goes_on };

struct Context {
    Kernel& kernel;
    Environment* current;  // null: none was interrupted
};

struct Command {
    std::string_view name;
    std::string_view arguments;
    std::string_view what;
    Result<Next> (*run)(Context&, Words const&);
};

std::span<Command const> commands();

}  // namespace quarry::monitor
