// Requests that name something: how their paths are followed.
#pragma once

#include "servers/linux/file_system.hpp"
#include "servers/linux/request.hpp"

namespace quarry::server {

// Where a path begins: the directory of a descriptor, or the working directory.
struct Start {
    std::int64_t error = 0;
    Ref<Node> node;
};
Start start_of(Request& request, std::uint64_t descriptor, std::string const& path);

// What descriptor and path lead to. With AT_EMPTY_PATH an empty path is the descriptor itself.
Found look(Request& request, std::uint64_t descriptor, std::uint64_t path_at, Follow follow,
           std::uint64_t flags = 0);

// What a search for a name that is to be made found: an error unless a new entry fits there. At 0,
// `directory` and `name` are where.
void expect_new(Found& found, NodeKind kind);

}  // namespace quarry::server
