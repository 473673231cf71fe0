#include "servers/linux/names.hpp"

namespace quarry::server {
Start start_of(Request& request, std::uint64_t descriptor, std::string const& path) {
    if (static_cast<std::int32_t>(descriptor) == AT_FDCWD || path.starts_with("/")) {
        return {0, request.process.directory};
    }
    auto const file = request.process.file(descriptor);
    if (!file) {
        return {-EBADF, {}};
    }
    return {0, Ref<Node>{file->node()}};
}

Found look(Request& request, std::uint64_t descriptor, std::uint64_t path_at, Follow follow,
           std::uint64_t flags) {
    Found found;
    auto const path = request.text(path_at);
    if (!path) {
        found.error = path_at == protocol::no_data ? -EFAULT : -ENAMETOOLONG;
        return found;
    }
    if (path->empty() && (flags & AT_EMPTY_PATH) != 0) {
        if (static_cast<std::int32_t>(descriptor) == AT_FDCWD) {
            found.node = request.process.directory;
            return found;
        }
        found.file = request.process.file(descriptor);
        found.error = found.file ? 0 : -EBADF;
        if (found.file && found.file->node() != nullptr) {
            found.node = Ref<Node>{found.file->node()};
        }
        return found;
    }
    if (path->empty()) {
        found.error = -ENOENT;
        return found;
    }
    auto const start = start_of(request, descriptor, *path);
    if (start.error != 0 || !start.node) {
        found.error = start.error != 0 ? start.error : -ENOTDIR;
        return found;
    }
    return find(request.process, start.node, *path, follow);
}

void expect_new(Found& found, NodeKind kind) {
    if (found.error == 0 || (found.error == -ENOTDIR && found.node && found.has_slash)) {
        found.error = -EEXIST;
    } else if (found.error == -ENOENT && found.directory &&
               (!found.has_slash || kind == NodeKind::directory)) {
        found.error = found.directory->is_removed()             ? -ENOENT
                      : found.directory->proc == ProcFile::none ? 0
                                                                : -EPERM;
    }
}

}  // namespace quarry::server
