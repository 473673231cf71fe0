// Requests that change the tree of names, and what links say.
#include "servers/linux/names.hpp"
#include "servers/linux/reserve.hpp"

namespace quarry::server {
namespace {

Found look_for_new(Request& request, std::uint64_t descriptor, std::uint64_t path_at,
                   NodeKind kind) {
    auto found = look(request, descriptor, path_at, Follow::never);
    expect_new(found, kind);
    return found;
}

std::int64_t make_node(Request& request, std::uint64_t descriptor, std::uint64_t path,
                       NodeKind kind, std::uint64_t mode) {
    auto const found = look_for_new(request, descriptor, path, kind);
    if (found.error != 0) {
        return found.error;
    }
    if (memory_is_short()) {
        return -ENOSPC;
    }
    auto const permissions = static_cast<std::uint32_t>(mode) & ~request.process.mask;
    put_new(*found.directory, found.name, make_ref<Node>(kind, permissions));
    return 0;
}

std::int64_t make_special(Request& request, std::uint64_t descriptor, std::uint64_t path,
                          std::uint64_t mode) {
    switch (mode & S_IFMT) {
        case 0:
        case S_IFREG:
            return make_node(request, descriptor, path, NodeKind::regular, mode);
        case S_IFIFO:
            return make_node(request, descriptor, path, NodeKind::fifo, mode);
        case S_IFDIR:  // mkdir's
        case S_IFCHR:  // and nobody makes devices
        case S_IFBLK:
            return -EPERM;
        default:
            return -EINVAL;
    }
}

std::int64_t make_link(Request& request, std::uint64_t target_at, std::uint64_t descriptor,
                       std::uint64_t path) {
    auto const target = request.text(target_at);
    auto const found = look_for_new(request, descriptor, path, NodeKind::link);
    if (!target || target->empty()) {
        return target ? -ENOENT : -EFAULT;
    }
    if (found.error != 0) {
        return found.error;
    }
    if (memory_is_short()) {
        return -ENOSPC;
    }
    auto link = make_ref<Node>(NodeKind::link, 0777u);
    link->target = *target;
    put_new(*found.directory, found.name, link);
    return 0;
}

std::int64_t hard_link(Request& request, std::uint64_t from_descriptor, std::uint64_t from,
                       std::uint64_t to_descriptor, std::uint64_t to, std::uint64_t flags) {
    if (has_more(flags, AT_SYMLINK_FOLLOW | AT_EMPTY_PATH)) {
        return -EINVAL;
    }
    auto const follow = (flags & AT_SYMLINK_FOLLOW) != 0 ? Follow::yes : Follow::no;
    auto const source = look(request, from_descriptor, from, follow, flags);
    if (source.error != 0 || !source.node) {
        return source.error != 0 ? source.error : -EPERM;
    }
    auto const target = look_for_new(request, to_descriptor, to, NodeKind::regular);
    if (target.error != 0) {
        return target.error;
    }
    if (source.node->is(NodeKind::directory)) {
        return -EPERM;
    }
    ++source.node->links;
    put(*target.directory, target.name, source.node);
    return 0;
}

std::int64_t remove(Request& request, std::uint64_t descriptor, std::uint64_t path,
                    bool directory) {
    auto const found = look(request, descriptor, path, Follow::never);
    if (found.error != 0) {
        return found.error;
    }
    if (!found.directory || found.name == "." || found.name == "..") {
        return !directory          ? -EISDIR
               : !found.directory  ? -EBUSY
               : found.name == "." ? -EINVAL
                                   : -ENOTEMPTY;
    }
    if (found.directory->proc != ProcFile::none || found.node->proc != ProcFile::none) {
        return -EPERM;
    }
    if (directory != found.node->is(NodeKind::directory)) {
        return directory ? -ENOTDIR : -EISDIR;
    }
    if (directory && !found.node->entries.empty()) {
        return -ENOTEMPTY;
    }
    found.node->unlink();
    take(*found.directory, found.name);
    return 0;
}

bool is_within(Node const* node, Node const& ancestor) {
    for (; node != nullptr; node = node->parent) {
        if (node == &ancestor) {
            return true;
        }
    }
    return false;
}

// One name instead of another, in place of what was there.
std::int64_t replace(Found const& source, Found const& target) {
    bool const directory = source.node->is(NodeKind::directory);
    if (directory && is_within(target.directory.get(), *source.node)) {
        return -EINVAL;
    }
    if (target.node) {
        bool const over_directory = target.node->is(NodeKind::directory);
        if (over_directory && is_within(source.directory.get(), *target.node)) {
            return -ENOTEMPTY;
        }
        if (directory != over_directory) {
            return directory ? -ENOTDIR : -EISDIR;
        }
        if (over_directory && !target.node->entries.empty()) {
            return -ENOTEMPTY;
        }
        target.node->unlink();
        take(*target.directory, target.name);
    }
    take(*source.directory, source.name);
    put(*target.directory, target.name, source.node);
    return 0;
}

// Each takes the other's name.
std::int64_t exchange(Found const& source, Found const& target) {
    for (auto const& [one, other] : {std::pair{&source, &target}, std::pair{&target, &source}}) {
        bool const directory = one->node->is(NodeKind::directory);
        if (directory && is_within(other->directory.get(), *one->node)) {
            return -EINVAL;
        }
    }
    take(*source.directory, source.name);
    take(*target.directory, target.name);
    put(*target.directory, target.name, source.node);
    put(*source.directory, source.name, target.node);
    return 0;
}

bool is_name(Found const& found) {
    return found.directory && found.name != "." && found.name != "..";
}

std::int64_t rename(Request& request, std::uint64_t from_descriptor, std::uint64_t from,
                    std::uint64_t to_descriptor, std::uint64_t to, std::uint64_t flags) {
    constexpr std::uint64_t known = RENAME_NOREPLACE | RENAME_EXCHANGE;
    if (has_more(flags, known) || flags == known) {
        return -EINVAL;
    }
    bool const exchanges = (flags & RENAME_EXCHANGE) != 0;
    auto const source = look(request, from_descriptor, from, Follow::never);
    auto const target = look(request, to_descriptor, to, Follow::never);
    // Mistakes on the way come first, then those in the last place.
    for (auto const* const found : {&source, &target}) {
        if (found->error != 0 && !found->directory) {
            return found->error;
        }
    }
    bool const keeps = (flags & RENAME_NOREPLACE) != 0;
    if (!is_name(source) || !is_name(target)) {
        return keeps && is_name(source) ? -EEXIST : -EBUSY;
    }
    if (source.directory->proc != ProcFile::none || target.directory->proc != ProcFile::none) {
        return -EPERM;
    }
    if (!source.node) {
        return source.error;
    }
    if (target.directory->is_removed()) {
        return -ENOENT;
    }
    if (target.node && keeps) {
        return -EEXIST;
    }
    if (exchanges && target.error != 0) {
        return target.error;
    }
    // A slash behind what is no directory.
    bool const directory = source.node->is(NodeKind::directory);
    if (source.error != 0 || (target.node && target.error != 0) ||
        (target.has_slash && !directory && !exchanges)) {
        return -ENOTDIR;
    }
    if (target.node == source.node) {
        return 0;
    }
    return exchanges ? exchange(source, target) : replace(source, target);
}

std::int64_t read_link(Request& request, std::uint64_t descriptor, std::uint64_t path,
                       std::uint64_t to, std::uint64_t bytes) {
    // With an empty path, the link that a descriptor was opened for with O_PATH.
    bool const has_descriptor = static_cast<std::int32_t>(descriptor) != AT_FDCWD;
    auto const found =
        look(request, descriptor, path, Follow::no, has_descriptor ? AT_EMPTY_PATH : 0);
    if (found.error != 0) {
        return found.error;
    }
    if (!found.node || !found.node->is(NodeKind::link)) {
        return found.name.empty() && !found.directory && found.file ? -ENOENT : -EINVAL;
    }
    auto const& target = found.node->target;
    auto const count = std::min<std::uint64_t>(bytes, target.size());
    auto const place = request.data(to, count);
    if (place.size() < count || count == 0) {
        return -EINVAL;
    }
    std::memcpy(place.data(), target.data(), count);
    return static_cast<std::int64_t>(count);
}

}  // namespace

std::optional<std::int64_t> serve_tree(Request& request) {
    auto const& a = request.arguments;
    auto const here = static_cast<std::uint64_t>(AT_FDCWD);
    switch (request.number) {
        case __NR_mkdir:
            return make_node(request, here, a[0], NodeKind::directory, a[1]);
        case __NR_mkdirat:
            return make_node(request, a[0], a[1], NodeKind::directory, a[2]);
        case __NR_mknod:
            return make_special(request, here, a[0], a[1]);
        case __NR_mknodat:
            return make_special(request, a[0], a[1], a[2]);
        case __NR_rmdir:
            return remove(request, here, a[0], true);
        case __NR_unlink:
            return remove(request, here, a[0], false);
        case __NR_unlinkat:
            return has_more(a[2], AT_REMOVEDIR) ? -EINVAL : remove(request, a[0], a[1], a[2] != 0);
        case __NR_rename:
            return rename(request, here, a[0], here, a[1], 0);
        case __NR_renameat:
            return rename(request, a[0], a[1], a[2], a[3], 0);
        case __NR_renameat2:
            return rename(request, a[0], a[1], a[2], a[3], a[4]);
        case __NR_link:
            return hard_link(request, here, a[0], here, a[1], 0);
        case __NR_linkat:
            return hard_link(request, a[0], a[1], a[2], a[3], a[4]);
        case __NR_symlink:
            return make_link(request, a[0], here, a[1]);
        case __NR_symlinkat:
            return make_link(request, a[0], a[1], a[2]);
        case __NR_readlink:
            return read_link(request, here, a[0], a[1], a[2]);
        case __NR_readlinkat:
            return read_link(request, a[0], a[1], a[2], a[3]);
        default:
            return std::nullopt;
    }
}

}  // namespace quarry::server
