// /proc: nodes and texts that are made when somebody looks.
#pragma once

#include "servers/linux/node.hpp"

#include <functional>
#include <string>
#include <string_view>

namespace quarry::server {

class Process;

// What `name` is in such a directory, as `asker` sees it; null if nothing.
Ref<Node> proc_child(Process& asker, Node& directory, std::string const& name);

// Calls function(name, type as in getdents64) for each entry of such a directory.
void list_proc(Node const& directory,
               std::function<void(std::string_view, std::uint8_t)> const& function);

}  // namespace quarry::server
