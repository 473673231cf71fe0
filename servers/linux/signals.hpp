// Signals from process to process. They wait in the ring of a thread's channel; its library OS takes them.
#pragma once

#include "servers/linux/process.hpp"
#include "servers/linux/request.hpp"

namespace quarry::server {

void signal_group(std::uint64_t group, int number);

// What a thread that is gone had not taken goes to another one of its process.
void pass_on_signals(Process& process, ClientThread const& gone);

std::optional<std::int64_t> serve_signals(Request& request);

}  // namespace quarry::server
