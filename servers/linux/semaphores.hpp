// System V semaphores: sets of counters that processes add to and wait on (semop(2)).
#pragma once

#include "servers/linux/request.hpp"

namespace quarry::server {

// What a process said it would take back, is taken back when it ends (SEM_UNDO).
void undo_semaphores(Process const& process);

std::optional<std::int64_t> serve_semaphores(Request& request);

}  // namespace quarry::server
