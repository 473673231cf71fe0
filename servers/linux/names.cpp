// Requests about names: open, stat, and what changes the tree.
#include "servers/linux/files.hpp"
#include "servers/linux/pipe.hpp"
#include "servers/linux/request.hpp"
#include "servers/linux/reserve.hpp"
#include "servers/linux/terminal.hpp"

namespace quarry::server {
namespace {

// Where a path begins: the directory of a descriptor, or the working directory.
struct Start {
    std::int64_t error = 0;
    Ref<Node> node;
};
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

// What descriptor and path lead to. With AT_EMPTY_PATH an empty path is the descriptor itself.
Found look(Request& request, std::uint64_t descriptor, std::uint64_t path_at, Follow follow,
           std::uint64_t flags = 0) {
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
    auto const start = start_of(request, descriptor, *path);
    if (start.error != 0 || !start.node) {
        found.error = start.error != 0 ? start.error : -ENOTDIR;
        return found;
    }
    return find(request.process, start.node, *path, follow);
}

std::int64_t fill_stat(Found const& found, struct stat& to) {
    if (found.file && (!found.node || found.file->node() != nullptr)) {
        found.file->fill(to);
    } else if (found.node) {
        found.node->fill(to);
    }
    return 0;
}

std::int64_t stat_path(Request& request, std::uint64_t descriptor, std::uint64_t path,
                       std::uint64_t to, std::uint64_t flags) {
    auto const follow = (flags & AT_SYMLINK_NOFOLLOW) != 0 ? Follow::no : Follow::yes;
    auto const found = look(request, descriptor, path, follow, flags);
    if (found.error != 0) {
        return found.error;
    }
    struct stat value{};
    fill_stat(found, value);
    return request.out(to, value) ? 0 : -EFAULT;
}

std::int64_t statx_path(Request& request) {
    auto const [descriptor, path, flags, mask, to, unused] = request.arguments;
    auto const follow = (flags & AT_SYMLINK_NOFOLLOW) != 0 ? Follow::no : Follow::yes;
    auto const found = look(request, descriptor, path, follow, flags);
    if (found.error != 0) {
        return found.error;
    }
    struct stat value{};
    fill_stat(found, value);
    struct statx wide{};
    wide.stx_mask = STATX_BASIC_STATS;
    wide.stx_blksize = static_cast<std::uint32_t>(value.st_blksize);
    wide.stx_nlink = static_cast<std::uint32_t>(value.st_nlink);
    wide.stx_mode = static_cast<std::uint16_t>(value.st_mode);
    wide.stx_ino = value.st_ino;
    wide.stx_size = static_cast<std::uint64_t>(value.st_size);
    wide.stx_blocks = static_cast<std::uint64_t>(value.st_blocks);
    wide.stx_atime = {static_cast<std::int64_t>(value.st_atime),
                      static_cast<std::uint32_t>(value.st_atime_nsec), 0};
    wide.stx_mtime = {static_cast<std::int64_t>(value.st_mtime),
                      static_cast<std::uint32_t>(value.st_mtime_nsec), 0};
    wide.stx_ctime = {static_cast<std::int64_t>(value.st_ctime),
                      static_cast<std::uint32_t>(value.st_ctime_nsec), 0};
    wide.stx_rdev_major = static_cast<std::uint32_t>(value.st_rdev >> 8);
    wide.stx_rdev_minor = static_cast<std::uint32_t>(value.st_rdev & 0xff);
    wide.stx_dev_minor = static_cast<std::uint32_t>(value.st_dev);
    (void)mask;
    return request.out(to, wide) ? 0 : -EFAULT;
}

// A directory entry that is to be made: nothing may be there.
Found look_for_new(Request& request, std::uint64_t descriptor, std::uint64_t path_at) {
    auto found = look(request, descriptor, path_at, Follow::no);
    if (found.error == 0) {
        found.error = -EEXIST;
    } else if (found.error == -ENOENT && found.directory) {
        found.error = 0;
        if (found.directory->proc != ProcFile::none) {
            found.error = -EPERM;
        }
    }
    return found;
}

std::int64_t make_node(Request& request, std::uint64_t descriptor, std::uint64_t path,
                       NodeKind kind, std::uint64_t mode) {
    auto const found = look_for_new(request, descriptor, path);
    if (found.error != 0) {
        return found.error;
    }
    if (memory_is_short()) {
        return -ENOSPC;
    }
    auto const permissions = static_cast<std::uint32_t>(mode) & ~request.process.mask;
    put(*found.directory, found.name, make_ref<Node>(kind, permissions));
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
        default:
            return -EPERM;
    }
}

std::int64_t make_link(Request& request, std::uint64_t target_at, std::uint64_t descriptor,
                       std::uint64_t path) {
    auto const target = request.text(target_at);
    auto const found = look_for_new(request, descriptor, path);
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
    put(*found.directory, found.name, link);
    return 0;
}

std::int64_t hard_link(Request& request, std::uint64_t from_descriptor, std::uint64_t from,
                       std::uint64_t to_descriptor, std::uint64_t to, std::uint64_t flags) {
    auto const follow = (flags & AT_SYMLINK_FOLLOW) != 0 ? Follow::yes : Follow::no;
    auto const source = look(request, from_descriptor, from, follow, flags);
    if (source.error != 0 || !source.node) {
        return source.error != 0 ? source.error : -EPERM;
    }
    if (source.node->is(NodeKind::directory)) {
        return -EPERM;
    }
    auto const target = look_for_new(request, to_descriptor, to);
    if (target.error != 0) {
        return target.error;
    }
    ++source.node->links;
    put(*target.directory, target.name, source.node);
    return 0;
}

std::int64_t remove(Request& request, std::uint64_t descriptor, std::uint64_t path,
                    bool directory) {
    auto const found = look(request, descriptor, path, Follow::no);
    if (found.error != 0) {
        return found.error;
    }
    if (!found.directory || found.name == "." || found.name == "..") {
        return found.name == "." ? -EINVAL : -EBUSY;
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
    --found.node->links;
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

std::int64_t rename(Request& request, std::uint64_t from_descriptor, std::uint64_t from,
                    std::uint64_t to_descriptor, std::uint64_t to, std::uint64_t flags) {
    auto const source = look(request, from_descriptor, from, Follow::no);
    auto const target = look(request, to_descriptor, to, Follow::no);
    if (source.error != 0) {
        return source.error;
    }
    if (target.error != 0 && (target.error != -ENOENT || !target.directory)) {
        return target.error;
    }
    if (!source.directory || !target.directory || source.name == "." || source.name == ".." ||
        target.name == "." || target.name == "..") {
        return -EBUSY;
    }
    if (source.directory->proc != ProcFile::none || target.directory->proc != ProcFile::none) {
        return -EPERM;
    }
    if ((flags & ~std::uint64_t{RENAME_NOREPLACE}) != 0) {
        return -EINVAL;
    }
    if (target.error == 0 && (flags & RENAME_NOREPLACE) != 0) {
        return -EEXIST;
    }
    if (target.node == source.node) {
        return 0;
    }
    bool const directory = source.node->is(NodeKind::directory);
    if (directory && is_within(target.directory.get(), *source.node)) {
        return -EINVAL;
    }
    if (target.node) {
        bool const over_directory = target.node->is(NodeKind::directory);
        if (directory != over_directory) {
            return directory ? -ENOTDIR : -EISDIR;
        }
        if (over_directory && !target.node->entries.empty()) {
            return -ENOTEMPTY;
        }
        --target.node->links;
        take(*target.directory, target.name);
    }
    take(*source.directory, source.name);
    put(*target.directory, target.name, source.node);
    return 0;
}

std::int64_t read_link(Request& request, std::uint64_t descriptor, std::uint64_t path,
                       std::uint64_t to, std::uint64_t bytes) {
    auto const found = look(request, descriptor, path, Follow::no, AT_EMPTY_PATH);
    if (found.error != 0) {
        return found.error;
    }
    if (!found.node || !found.node->is(NodeKind::link)) {
        return -EINVAL;
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

std::int64_t change_mode(Found const& found, std::uint64_t mode) {
    if (found.error != 0 || !found.node) {
        return found.error;
    }
    found.node->permissions = static_cast<std::uint32_t>(mode) & 07777;
    found.node->changed = real_time();
    return 0;
}

std::int64_t change_owner(Found const& found, std::uint64_t owner, std::uint64_t group) {
    if (found.error != 0 || !found.node) {
        return found.error;
    }
    constexpr auto keep = ~std::uint32_t{0};
    if (static_cast<std::uint32_t>(owner) != keep) {
        found.node->owner = static_cast<std::uint32_t>(owner);
    }
    if (static_cast<std::uint32_t>(group) != keep) {
        found.node->group = static_cast<std::uint32_t>(group);
    }
    found.node->changed = real_time();
    return 0;
}

using Times = std::array<std::array<std::int64_t, 2>, 2>;

// `unit`: nanoseconds in one of the second words.
std::int64_t set_times(Found const& found, std::optional<Times> times, std::int64_t unit) {
    if (found.error != 0 || !found.node) {
        return found.error;
    }
    constexpr std::int64_t now = (1l << 30) - 1;   // UTIME_NOW
    constexpr std::int64_t omit = (1l << 30) - 2;  // UTIME_OMIT
    auto const value = [&](std::array<std::int64_t, 2> const& time, std::uint64_t old) {
        if (unit == 1 && time[1] == omit) {
            return old;
        }
        if (unit == 1 && time[1] == now) {
            return real_time();
        }
        return static_cast<std::uint64_t>(time[0] * 1'000'000'000 + time[1] * unit);
    };
    auto& node = *found.node;
    node.accessed = times ? value((*times)[0], node.accessed) : real_time();
    node.modified = times ? value((*times)[1], node.modified) : real_time();
    node.changed = real_time();
    return 0;
}

std::int64_t change_directory(Request& request, Found const& found) {
    if (found.error != 0) {
        return found.error;
    }
    if (!found.node || !found.node->is(NodeKind::directory)) {
        return -ENOTDIR;
    }
    request.process.directory = found.node;
    return 0;
}

std::int64_t truncate(Found const& found, std::uint64_t bytes) {
    if (found.error != 0) {
        return found.error;
    }
    if (!found.node || !found.node->is(NodeKind::regular)) {
        return found.node && found.node->is(NodeKind::directory) ? -EISDIR : -EINVAL;
    }
    return is_running(*found.node) ? -ETXTBSY : RegularFile{found.node, O_WRONLY}.truncate(bytes);
}

// As root, everything may be read and written; executed only what somebody may execute.
std::int64_t may_access(Found const& found, std::uint64_t wanted) {
    constexpr std::uint64_t execute = 1;
    if (found.error != 0) {
        return found.error;
    }
    bool const runs =
        !found.node || found.node->is(NodeKind::directory) || (found.node->permissions & 0111) != 0;
    return (wanted & execute) == 0 || runs ? 0 : -EACCES;
}

std::int64_t file_system_numbers(Request& request, std::uint64_t to) {
    std::array<std::uint64_t, 15> numbers{};  // struct statfs
    numbers[0] = 0x0102'1994;                 // tmpfs's magic
    numbers[1] = abi::page_bytes;
    numbers[2] = most_file_pages();
    numbers[3] = numbers[4] = most_file_pages() - file_pages();
    numbers[8] = 255;
    numbers[9] = abi::page_bytes;
    return request.out(to, numbers) ? 0 : -EFAULT;
}

std::int64_t open_at(Request& request, std::uint64_t descriptor, std::uint64_t path_at,
                     std::uint64_t flags, std::uint64_t mode) {
    auto const path = request.text(path_at);
    if (!path) {
        return path_at == protocol::no_data ? -EFAULT : -ENAMETOOLONG;
    }
    auto const start = start_of(request, descriptor, *path);
    if (start.error != 0 || !start.node) {
        return start.error != 0 ? start.error : -ENOTDIR;
    }
    auto const opened = open_path(request, start.node, *path, flags, mode);
    return opened.error != 0 ? opened.error
                             : request.process.add(opened.file, (flags & O_CLOEXEC) != 0);
}

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
            if (writes) {
                return {-EISDIR, {}};
            }
            return {0, Ref<OpenFile>{make_ref<DirectoryFile>(node, status)}};
        case NodeKind::regular:
            if (writes && is_running(*node)) {
                return {-ETXTBSY, {}};
            }
            if (writes && (flags & O_TRUNC) != 0 && !node->content.resize(0)) {
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
    }
    return {-EINVAL, {}};
}

}  // namespace

Opened open_path(Request& request, Ref<Node> start, std::string const& path, std::uint64_t flags,
                 std::uint64_t mode) {
    bool const creates = (flags & O_CREAT) != 0;
    bool const exclusive = creates && (flags & O_EXCL) != 0;
    auto const follow = (flags & O_NOFOLLOW) != 0 || exclusive ? Follow::no : Follow::yes;
    auto found = find(request.process, start, path, follow);
    if (found.error == 0 && exclusive) {
        return {-EEXIST, {}};
    }
    if (found.error == -ENOENT && creates && found.directory) {
        if (found.directory->proc != ProcFile::none || path.back() == '/') {
            return {path.back() == '/' ? -EISDIR : -ENOENT, {}};
        }
        if (memory_is_short()) {
            return {-ENOSPC, {}};
        }
        found.node = make_ref<Node>(NodeKind::regular,
                                    static_cast<std::uint32_t>(mode) & ~request.process.mask);
        put(*found.directory, found.name, found.node);
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

std::optional<std::int64_t> serve_names(Request& request) {
    auto const& a = request.arguments;
    auto const here = static_cast<std::uint64_t>(AT_FDCWD);
    auto const at = [&](std::size_t i, Follow follow = Follow::yes) {
        return look(request, here, a[i], follow);
    };
    auto const times = [&](std::uint64_t offset) -> std::optional<Times> {
        return offset == protocol::no_data ? std::nullopt : request.in<Times>(offset);
    };
    switch (request.number) {
        case __NR_open:
            return open_at(request, here, a[0], a[1], a[2]);
        case __NR_creat:
            return open_at(request, here, a[0], O_CREAT | O_WRONLY | O_TRUNC, a[1]);
        case __NR_openat:
            return open_at(request, a[0], a[1], a[2], a[3]);
        case __NR_stat:
            return stat_path(request, here, a[0], a[1], 0);
        case __NR_lstat:
            return stat_path(request, here, a[0], a[1], AT_SYMLINK_NOFOLLOW);
        case __NR_newfstatat:
            return stat_path(request, a[0], a[1], a[2], a[3]);
        case __NR_statx:
            return statx_path(request);
        case __NR_access:
            return may_access(at(0), a[1]);
        case __NR_faccessat:
            return may_access(look(request, a[0], a[1], Follow::yes), a[2]);
        case __NR_faccessat2:
            return may_access(look(request, a[0], a[1], Follow::yes, a[3]), a[2]);
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
            return remove(request, a[0], a[1], (a[2] & AT_REMOVEDIR) != 0);
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
        case __NR_chmod:
            return change_mode(at(0), a[1]);
        case __NR_fchmodat:
            return change_mode(look(request, a[0], a[1], Follow::yes), a[2]);
        case __NR_chown:
            return change_owner(at(0), a[1], a[2]);
        case __NR_lchown:
            return change_owner(at(0, Follow::no), a[1], a[2]);
        case __NR_fchownat:
            return change_owner(
                look(request, a[0], a[1],
                     (a[4] & AT_SYMLINK_NOFOLLOW) != 0 ? Follow::no : Follow::yes, a[4]),
                a[2], a[3]);
        case __NR_utimensat:
            if (a[1] == protocol::no_data) {
                Found found;
                auto const file = request.process.file(a[0]);
                found.error = file && file->node() != nullptr ? 0 : -EBADF;
                found.node = found.error == 0 ? Ref<Node>{file->node()} : Ref<Node>{};
                return set_times(found, times(a[2]), 1);
            }
            return set_times(
                look(request, a[0], a[1],
                     (a[3] & AT_SYMLINK_NOFOLLOW) != 0 ? Follow::no : Follow::yes, a[3]),
                times(a[2]), 1);
        case __NR_utimes:
            return set_times(at(0), times(a[1]), 1000);
        case __NR_futimesat:
            return set_times(look(request, a[0], a[1], Follow::yes), times(a[2]), 1000);
        case __NR_utime: {
            auto const two = a[1] == protocol::no_data
                                 ? std::nullopt
                                 : request.in<std::array<std::int64_t, 2>>(a[1]);
            return set_times(
                at(0), two ? std::optional{Times{{{(*two)[0], 0}, {(*two)[1], 0}}}} : std::nullopt,
                1000);
        }
        case __NR_chdir:
            return change_directory(request, at(0));
        case __NR_chroot:
            return -EPERM;
        case __NR_truncate:
            return truncate(at(0), a[1]);
        case __NR_statfs: {
            auto const found = at(0);
            return found.error != 0 ? found.error : file_system_numbers(request, a[1]);
        }
        case __NR_fstatfs:
            return request.process.file(a[0]) ? file_system_numbers(request, a[1]) : -EBADF;
        default:
            return std::nullopt;
    }
}

}  // namespace quarry::server
