// Opening what a path leads to.
#include "servers/linux/files.hpp"
#include "servers/linux/names.hpp"
#include "servers/linux/pipe.hpp"
#include "servers/linux/reserve.hpp"
#include "servers/linux/terminal.hpp"

namespace quarry::server {
namespace {

Opened open_fifo(Request& request, Ref<Node> const& node, std::uint32_t status) {
    if (!node->pipe) {
        node->pipe = make_ref<Pipe>();
    }
    auto const access = status & O_ACCMODE;
    bool const waits = (status & O_NONBLOCK) == 0;
    auto& pipe = *node->pipe;
    if (access == O_WRONLY && pipe.readers == 0 && !waits) {
        return {-ENXIO, {}};
    }
    auto& thread = request.thread;
    if (!thread.half_open || thread.half_open->node() != node.get()) {
        thread.others_opened = access == O_RDONLY ? pipe.opened_to_write : pipe.opened_to_read;
        bool const alone = access == O_RDONLY ? pipe.writers == 0 : pipe.readers == 0;
        Ref<OpenFile> const end{make_ref<PipeEnd>(node->pipe, status, node)};
        if (!waits || access == O_RDWR || !alone) {
            return {0, end};
        }
        thread.half_open = end;
    }
    auto const opened = access == O_RDONLY ? pipe.opened_to_write : pipe.opened_to_read;
    if (opened == thread.others_opened) {
        wait_for(pipe.waiters, thread);
        return {would_block, {}};
    }
    return {0, std::exchange(thread.half_open, {})};
}

Opened open_node(Request& request, Ref<Node> const& node, std::uint64_t flags) {
    auto const status = static_cast<std::uint32_t>(flags) &
                        static_cast<std::uint32_t>(O_ACCMODE | O_APPEND | O_NONBLOCK | O_PATH);
    bool const writes = (flags & O_ACCMODE) != O_RDONLY;
    if ((flags & O_DIRECTORY) != 0 && !node->is(NodeKind::directory)) {
        return {-ENOTDIR, {}};
    }
    if ((flags & O_PATH) != 0) {
        return {0, Ref<OpenFile>{make_ref<PathFile>(node, status)}};
    }
    switch (node->kind) {
        case NodeKind::directory:
            if (writes || (flags & (O_CREAT | O_TRUNC)) != 0) {
                return {-EISDIR, {}};
            }
            return {0, Ref<OpenFile>{make_ref<DirectoryFile>(node, status)}};
        case NodeKind::regular:
            if ((writes || (flags & O_TRUNC) != 0) && is_running(*node)) {
                return {-ETXTBSY, {}};
            }
            if ((flags & O_TRUNC) != 0 && !node->content.resize(0)) {
                return {-ENOSPC, {}};
            }
            return {0, Ref<OpenFile>{make_ref<RegularFile>(node, status)}};
        case NodeKind::fifo:
            return open_fifo(request, node, status);
        case NodeKind::device:
            if (node->device == Device::terminal) {
                return {0, Ref<OpenFile>{make_ref<TerminalFile>(node, status)}};
            }
            return {0, Ref<OpenFile>{make_ref<DeviceFile>(node, status)}};
        case NodeKind::link:
            return {-ELOOP, {}};
        case NodeKind::socket:
            return {-ENXIO, {}};
    }
    return {-EINVAL, {}};
}

}  // namespace

Opened open_path(Request& request, Ref<Node> start, std::string const& path, std::uint64_t flags,
                 std::uint64_t mode) {
    bool const creates = (flags & O_CREAT) != 0;
    if (creates && (flags & O_DIRECTORY) != 0) {
        return {-EINVAL, {}};
    }
    bool const exclusive = creates && (flags & O_EXCL) != 0;
    auto const follow = creates && path.ends_with('/')           ? Follow::never
                        : (flags & O_NOFOLLOW) != 0 || exclusive ? Follow::no
                                                                 : Follow::yes;
    auto found = find(request.process, start, path, follow);
    if (creates && found.has_slash && found.directory) {
        return {-EISDIR, {}};
    }
    if (found.error == 0 && exclusive) {
        return {-EEXIST, {}};
    }
    if (found.error == -ENOENT && creates && found.directory) {
        if (found.directory->proc != ProcFile::none || found.directory->is_removed()) {
            return {-ENOENT, {}};
        }
        if (memory_is_short()) {
            return {-ENOSPC, {}};
        }
        found.node = make_ref<Node>(NodeKind::regular,
                                    static_cast<std::uint32_t>(mode) & ~request.process.mask);
        put_new(*found.directory, found.name, found.node);
        found.error = 0;
    }
    if (found.error != 0) {
        return {found.error, {}};
    }
    if (found.file &&
        (!found.node || found.node->is(NodeKind::link) || found.node->is(NodeKind::fifo))) {
        return {0, found.file};
    }
    auto opened = open_node(request, found.node, flags);
    if (opened.file && opened.file->path.empty()) {
        // Where the links led, not how it was called.
        auto const directory = found.directory ? path_of(*found.directory) : std::string{};
        opened.file->path = found.node->is(NodeKind::directory) ? path_of(*found.node)
                            : directory == "/"                  ? "/" + found.name
                                                                : directory + "/" + found.name;
    }
    return opened;
}

namespace {

std::int64_t open_at(Request& request, std::uint64_t descriptor, std::uint64_t path_at,
                     std::uint64_t flags, std::uint64_t mode) {
    auto const path = request.text(path_at);
    if (!path) {
        return path_at == protocol::no_data ? -EFAULT : -ENAMETOOLONG;
    }
    if (path->empty()) {
        return -ENOENT;
    }
    auto const start = start_of(request, descriptor, *path);
    if (start.error != 0 || !start.node) {
        return start.error != 0 ? start.error : -ENOTDIR;
    }
    auto const opened = open_path(request, start.node, *path, flags, mode);
    return opened.error != 0 ? opened.error
                             : request.process.add(opened.file, (flags & O_CLOEXEC) != 0);
}

}  // namespace

std::optional<std::int64_t> serve_opening(Request& request) {
    auto const& a = request.arguments;
    auto const here = static_cast<std::uint64_t>(AT_FDCWD);
    switch (request.number) {
        case __NR_open:
            return open_at(request, here, a[0], a[1], a[2]);
        case __NR_creat:
            return open_at(request, here, a[0], O_CREAT | O_WRONLY | O_TRUNC, a[1]);
        case __NR_openat:
            return open_at(request, a[0], a[1], a[2], a[3]);
        default:
            return std::nullopt;
    }
}

}  // namespace quarry::server
