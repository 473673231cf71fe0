// Requests of the memory that library OSs manage: pages of files and of shared memory, lent.
#include "servers/linux/files.hpp"
#include "servers/linux/request.hpp"
#include "user/linux/layout.hpp"

namespace quarry::server {

using protocol::Operation;

namespace {

// What a client knows pages by: those of a file that it opened to read only are never lent to write.
std::uint64_t handle_of(Node const& node, bool may_write) {
    return node.number << 1 | (may_write ? protocol::writable_handle : 0);
}

std::int64_t open_mapping(Request& request) {
    auto const file = request.process.file(request.words[0]);
    if (!file) {
        return -EBADF;
    }
    if (file->is_path()) {
        return -EBADF;
    }
    bool const writes = request.words[1] != 0;
    if (!file->may_read() || (writes && !file->may_write())) {
        return -EACCES;
    }
    auto* const node = file->node();
    if (node == nullptr || !node->is(NodeKind::regular)) {
        bool const zero = node != nullptr && node->device == Device::zero;
        return zero ? map_anonymous(request, std::uint64_t{1} << 30) : -ENODEV;
    }
    auto const handle = handle_of(*node, file->may_write());
    request.process.handles[handle] = Ref<Node>{node};
    return static_cast<std::int64_t>(handle);
}

std::int64_t map_pages(Request& request) {
    auto const handle = request.process.handles.find(request.words[0]);
    if (handle == request.process.handles.end()) {
        return -EBADF;
    }
    auto const first = request.words[1] >> 16;
    auto const pages = request.words[1] & 0xffff;
    auto const address = request.words[2] & ~(abi::page_bytes - 1);
    abi::Permissions const permissions{request.words[2] & 7};
    if (pages == 0 || pages > abi::max_range_pages || address >= libos::user_top) {
        return -EINVAL;
    }
    bool const may_write = (handle->first & protocol::writable_handle) != 0;
    if (!may_write && permissions.has(abi::permission::write)) {
        return -EACCES;
    }
    auto const lent =
        handle->second->content.lend(first, pages, request.process.space, address, permissions);
    return lent ? static_cast<std::int64_t>(*lent) : -ENOMEM;
}

std::int64_t open_executable(Request& request) {
    auto const path = request.text(0);
    if (!path) {
        return -ENAMETOOLONG;
    }
    auto const opened = open_path(request, request.process.directory, *path, O_RDONLY, 0);
    if (opened.error != 0) {
        return opened.error;
    }
    auto* const node = opened.file->node();
    if (node == nullptr || !node->is(NodeKind::regular) || (node->permissions & 0111) == 0) {
        return -EACCES;
    }
    return request.process.add(opened.file, true);
}

std::int64_t open_text(Request& request) {
    auto node = make_ref<Node>(NodeKind::regular, 0444u);
    auto const bytes = request.data(0, request.words[0]);
    if (bytes.size() != request.words[0] || !node->content.write(0, bytes)) {
        return -ENOMEM;
    }
    return request.process.add(make_ref<RegularFile>(node, 0u), false);
}

}  // namespace

std::int64_t map_anonymous(Request& request, std::uint64_t bytes) {
    auto node = make_ref<Node>(NodeKind::regular, 0600u);
    if (!node->content.resize(bytes)) {
        return -ENOMEM;
    }
    auto const handle = handle_of(*node, true);
    request.process.handles[handle] = node;
    return static_cast<std::int64_t>(handle);
}

std::optional<std::int64_t> serve_memory(Request& request) {
    switch (static_cast<Operation>(request.number)) {
        case Operation::map_open:
            return open_mapping(request);
        case Operation::map_anonymous:
            return map_anonymous(request, request.words[0]);
        case Operation::map_pages:
            return map_pages(request);
        case Operation::open_executable:
            return open_executable(request);
        case Operation::own_text:
            return open_text(request);
        default:
            return std::nullopt;
    }
}

}  // namespace quarry::server
