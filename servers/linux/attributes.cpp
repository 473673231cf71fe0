// Requests about what a name stands for: stat, access, modes, owners, times, sizes.
#include "servers/linux/files.hpp"
#include "servers/linux/names.hpp"
#include "servers/linux/reserve.hpp"

namespace quarry::server {
namespace {

// What stat(2) says of what a path leads to.
std::int64_t look_at(Request& request, std::uint64_t descriptor, std::uint64_t path,
                     std::uint64_t flags, struct stat& to) {
    constexpr std::uint64_t known =
        AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH | AT_STATX_SYNC_TYPE;
    if (has_more(flags, known) || (flags & AT_STATX_SYNC_TYPE) == AT_STATX_SYNC_TYPE) {
        return -EINVAL;
    }
    auto const follow = (flags & AT_SYMLINK_NOFOLLOW) != 0 ? Follow::no : Follow::yes;
    auto const found = look(request, descriptor, path, follow, flags);
    if (found.error == 0 && found.file && (!found.node || found.file->node() != nullptr)) {
        found.file->fill(to);
    } else if (found.error == 0 && found.node) {
        found.node->fill(to);
    }
    return found.error;
}

std::int64_t stat_path(Request& request, std::uint64_t descriptor, std::uint64_t path,
                       std::uint64_t to, std::uint64_t flags) {
    struct stat value{};
    auto const error = look_at(request, descriptor, path, flags, value);
    return error != 0 ? error : request.out(to, value) ? 0 : -EFAULT;
}

std::int64_t statx_path(Request& request) {
    auto const& a = request.arguments;  // descriptor, path, flags, mask, where to
    struct stat value{};
    if ((a[3] & STATX__RESERVED) != 0) {
        return -EINVAL;
    }
    if (auto const error = look_at(request, a[0], a[1], a[2], value); error != 0) {
        return error;
    }
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
    return request.out(a[4], wide) ? 0 : -EFAULT;
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
    for (auto const& time : times.value_or(Times{})) {
        bool const special = unit == 1 && (time[1] == now || time[1] == omit);
        if (!special && (time[1] < 0 || time[1] >= 1'000'000'000 / unit)) {
            return -EINVAL;
        }
    }
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
    if (static_cast<std::int64_t>(bytes) < 0) {
        return -EINVAL;
    }
    if (found.error != 0) {
        return found.error;
    }
    if (!found.node || !found.node->is(NodeKind::regular)) {
        return found.node && found.node->is(NodeKind::directory) ? -EISDIR : -EINVAL;
    }
    return is_running(*found.node) ? -ETXTBSY : RegularFile{found.node, O_WRONLY}.truncate(bytes);
}

// Flags that all calls on names have.
bool are_known(std::uint64_t flags, std::uint64_t others = 0) {
    return !has_more(flags, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH | others);
}

// As root, everything may be read and written; executed only what somebody may execute.
std::int64_t may_access(Found const& found, std::uint64_t wanted) {
    constexpr std::uint64_t execute = 1;
    constexpr std::uint64_t known = 7;
    if (has_more(wanted, known)) {
        return -EINVAL;
    }
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

}  // namespace

std::optional<std::int64_t> serve_attributes(Request& request) {
    auto const& a = request.arguments;
    auto const here = static_cast<std::uint64_t>(AT_FDCWD);
    auto const at = [&](std::size_t i, Follow follow = Follow::yes) {
        return look(request, here, a[i], follow);
    };
    auto const times = [&](std::uint64_t offset) -> std::optional<Times> {
        return offset == protocol::no_data ? std::nullopt : request.in<Times>(offset);
    };
    switch (request.number) {
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
            if (!are_known(a[3], AT_EACCESS)) {
                return -EINVAL;
            }
            return may_access(look(request, a[0], a[1], Follow::yes, a[3]), a[2]);
        case __NR_chmod:
            return change_mode(at(0), a[1]);
        case __NR_fchmodat:
            return change_mode(look(request, a[0], a[1], Follow::yes), a[2]);
        case __NR_chown:
            return change_owner(at(0), a[1], a[2]);
        case __NR_lchown:
            return change_owner(at(0, Follow::no), a[1], a[2]);
        case __NR_fchownat:
            if (!are_known(a[4])) {
                return -EINVAL;
            }
            return change_owner(
                look(request, a[0], a[1],
                     (a[4] & AT_SYMLINK_NOFOLLOW) != 0 ? Follow::no : Follow::yes, a[4]),
                a[2], a[3]);
        case __NR_utimensat:
            if (!are_known(a[3])) {
                return -EINVAL;
            }
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
        case __NR_chroot: {
            auto const found = at(0);
            return found.error != 0                      ? found.error
                   : found.node->is(NodeKind::directory) ? -EPERM
                                                         : -ENOTDIR;
        }
        case __NR_truncate:
            return truncate(at(0), a[1]);
        case __NR_statfs: {
            auto const found = at(0);
            return found.error != 0 ? found.error : file_system_numbers(request, a[1]);
        }
        // Files have no extended attributes here.
        case __NR_setxattr:
        case __NR_getxattr:
        case __NR_listxattr:
        case __NR_removexattr: {
            auto const found = at(0);
            return found.error != 0 ? found.error : -EOPNOTSUPP;
        }
        case __NR_lsetxattr:
        case __NR_lgetxattr:
        case __NR_llistxattr:
        case __NR_lremovexattr: {
            auto const found = at(0, Follow::no);
            return found.error != 0 ? found.error : -EOPNOTSUPP;
        }
        case __NR_fsetxattr:
        case __NR_fgetxattr:
        case __NR_flistxattr:
        case __NR_fremovexattr:
            return request.process.file(a[0]) ? -EOPNOTSUPP : -EBADF;
        case __NR_fstatfs:
            return request.process.file(a[0]) ? file_system_numbers(request, a[1]) : -EBADF;
        default:
            return std::nullopt;
    }
}

}  // namespace quarry::server
