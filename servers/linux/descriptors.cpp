// Requests about open files and descriptors.
#include "servers/linux/files.hpp"
#include "servers/linux/pipe.hpp"
#include "servers/linux/request.hpp"
#include "servers/linux/reserve.hpp"

#include <linux/memfd.h>

namespace quarry::server {
namespace {

std::int64_t transfer(Request& request, bool reads, bool positioned) {
    auto const file = request.process.file(request.words[0]);
    if (!file || file->is_path()) {
        return -EBADF;
    }
    if (positioned && (file->is_pipe() || file->socket() != nullptr)) {
        return -ESPIPE;
    }
    if (!(reads ? file->may_read() : file->may_write())) {
        return -EBADF;
    }
    auto const place = request.data(0, request.words[1]);
    if (place.size() != request.words[1]) {
        return -EINVAL;
    }
    auto const offset = positioned ? std::optional{request.words[2]} : std::nullopt;
    return reads ? file->read(request.asker(), place, offset)
                 : file->write(request.asker(), place, offset);
}

std::int64_t duplicate(Request& request, std::uint64_t from, std::uint64_t to, bool close_on_exec) {
    auto const file = request.process.file(from);
    if (!file || to >= request.process.most_descriptors) {
        return -EBADF;
    }
    if (from != to) {
        request.process.close(to);
        auto& all = request.process.descriptors();
        if (to >= all.size()) {
            all.resize(to + 1);
        }
        all[to] = {file, close_on_exec};
    }
    return static_cast<std::int64_t>(to);
}

std::int64_t make_pipe(Request& request, std::uint64_t to, std::uint64_t flags) {
    if (has_more(flags, O_CLOEXEC | O_NONBLOCK | O_DIRECT)) {
        return -EINVAL;
    }
    if (memory_is_short()) {
        return -ENFILE;
    }
    auto const status = static_cast<std::uint32_t>(flags & O_NONBLOCK);
    bool const close_on_exec = (flags & O_CLOEXEC) != 0;
    auto const pipe = make_ref<Pipe>();
    auto const in = request.process.add(make_ref<PipeEnd>(pipe, status | O_RDONLY), close_on_exec);
    auto const out = request.process.add(make_ref<PipeEnd>(pipe, status | O_WRONLY), close_on_exec);
    if (in < 0 || out < 0) {
        request.process.close(static_cast<std::uint64_t>(in));
        return -EMFILE;
    }
    std::array const pair{static_cast<std::int32_t>(in), static_cast<std::int32_t>(out)};
    return request.out(to, pair) ? 0 : -EFAULT;
}

std::int64_t control(Request& request) {
    auto const [descriptor, command, argument] = request.words;
    auto& process = request.process;
    auto const file = process.file(descriptor);
    if (!file) {
        return -EBADF;
    }
    auto& entry = process.descriptors()[static_cast<std::uint32_t>(descriptor)];
    if (file->is_path() && command > F_GETFL && command != F_DUPFD_CLOEXEC) {
        return -EBADF;
    }
    switch (command) {
        case F_DUPFD:
        case F_DUPFD_CLOEXEC:
            return argument >= process.most_descriptors
                       ? -EINVAL
                       : process.add(file, command == F_DUPFD_CLOEXEC, argument);
        case F_GETFD:
            return entry.close_on_exec ? FD_CLOEXEC : 0;
        case F_SETFD:
            entry.close_on_exec = (argument & FD_CLOEXEC) != 0;
            return 0;
        case F_GETFL:
            return file->status_flags;
        case F_SETFL: {
            constexpr std::uint32_t changeable = O_APPEND | O_NONBLOCK;
            file->status_flags = (file->status_flags & ~changeable) |
                                 (static_cast<std::uint32_t>(argument) & changeable);
            return 0;
        }
        case F_GETLK:
        case F_SETLK:
        case F_SETLKW:
        case F_OFD_GETLK:
        case F_OFD_SETLK:
        case F_OFD_SETLKW:
            return lock_record(request, *file, command);
        case F_GETPIPE_SZ:
        case F_SETPIPE_SZ:
            return file->is_pipe() ? Pipe::capacity : -EBADF;
        case F_GETOWN:
            return 0;
        case F_SETOWN:
            return 0;
        default:
            return -EINVAL;
    }
}

std::int64_t close_range(Request& request, std::uint64_t first, std::uint64_t last,
                         std::uint64_t flags) {
    constexpr std::uint64_t known = CLOSE_RANGE_CLOEXEC | CLOSE_RANGE_UNSHARE;
    if (first > last || has_more(flags, known)) {
        return -EINVAL;
    }
    auto& all = request.process.descriptors();
    for (auto i = first; i < all.size() && i <= last; ++i) {
        if ((flags & CLOSE_RANGE_CLOEXEC) != 0) {
            all[i].close_on_exec = true;
        } else {
            request.process.close(i);
        }
    }
    return 0;
}

std::int64_t working_directory(Request& request) {
    auto const path = path_of(*request.process.directory);
    auto const place = request.data(request.arguments[0], path.size() + 1);
    if (path.size() + 1 > request.arguments[1] || place.empty()) {
        return -ERANGE;
    }
    std::memcpy(place.data(), path.c_str(), path.size() + 1);
    return static_cast<std::int64_t>(path.size() + 1);
}

// Entries as getdents, without 64, has them: the type lies at the end, the name a byte earlier.
void make_old_entries(std::span<std::byte> entries) {
    constexpr std::size_t length_at = 16;
    constexpr std::size_t type_at = 18;
    while (!entries.empty()) {
        std::uint16_t length = 0;
        std::memcpy(&length, &entries[length_at], sizeof(length));
        auto const type = entries[type_at];
        std::memmove(&entries[type_at], &entries[type_at + 1], length - type_at - 1u);
        entries[length - 1u] = type;
        entries = entries.subspan(length);
    }
}

using Arguments = std::array<std::uint64_t, protocol::max_arguments>;

bool is_negative(std::uint64_t value) { return static_cast<std::int64_t>(value) < 0; }

std::int64_t allocate(OpenFile& file, Arguments const& a) {
    auto const [mode, offset, bytes] = std::array{a[1], a[2], a[3]};
    auto* const node = file.node();
    if (is_negative(offset) || is_negative(bytes) || bytes == 0) {
        return -EINVAL;
    }
    if (has_more(mode, FALLOC_FL_KEEP_SIZE)) {
        return -EOPNOTSUPP;
    }
    if (!file.may_write()) {
        return -EBADF;
    }
    if (node == nullptr || !node->is(NodeKind::regular)) {
        return file.is_pipe() ? -ESPIPE : -ENODEV;
    }
    auto const end = offset + bytes;
    if (is_negative(end)) {
        return -EFBIG;
    }
    return mode == 0 && end > node->content.size() ? file.truncate(end) : 0;
}

// What is in memory needs no advice.
std::int64_t advise(OpenFile const& file, Arguments const& a) {
    constexpr std::uint64_t most = 5;  // POSIX_FADV_NOREUSE
    if (file.is_pipe()) {
        return -ESPIPE;
    }
    return a[3] > most || is_negative(a[2]) ? -EINVAL : 0;
}

std::int64_t sync_range(OpenFile const& file, Arguments const& a) {
    constexpr std::uint64_t known = 7;
    if (has_more(a[3], known) || is_negative(a[1]) || is_negative(a[2]) ||
        is_negative(a[1] + a[2])) {
        return -EINVAL;
    }
    return file.node() != nullptr && file.node()->has_content() ? 0 : -ESPIPE;
}

// Requests about one open file.
std::optional<std::int64_t> serve_file(Request& request, OpenFile& file) {
    auto const& a = request.arguments;
    if (file.is_path() && request.number != __NR_fstat && request.number != __NR_fchdir) {
        return -EBADF;
    }
    switch (request.number) {
        case __NR_fstat: {
            struct stat value{};
            file.fill(value);
            return request.out(a[1], value) ? 0 : -EFAULT;
        }
        case __NR_lseek:
            return file.seek(static_cast<std::int64_t>(a[1]), a[2]);
        case __NR_ftruncate:
            return !file.may_write()                     ? -EINVAL
                   : static_cast<std::int64_t>(a[1]) < 0 ? -EINVAL
                                                         : file.truncate(a[1]);
        case __NR_fallocate:
            return allocate(file, a);
        case __NR_getdents:
        case __NR_getdents64: {
            auto const place = request.data(a[1], a[2]);
            if (place.size() != a[2]) {
                return -EINVAL;
            }
            // Made out of the client's reach, which could change lengths while they are read.
            std::vector<std::byte> entries(place.size());
            auto const bytes = file.list(entries);
            if (bytes > 0) {
                auto const used = std::span(entries).first(static_cast<std::size_t>(bytes));
                if (request.number == __NR_getdents) {
                    make_old_entries(used);
                }
                std::memcpy(place.data(), used.data(), used.size());
            }
            return bytes;
        }
        case __NR_fchdir:
            if (file.node() == nullptr || !file.node()->is(NodeKind::directory)) {
                return -ENOTDIR;
            }
            request.process.directory = Ref<Node>{file.node()};
            return 0;
        case __NR_fchmod:
            if (file.node() != nullptr) {
                file.node()->permissions = static_cast<std::uint32_t>(a[1]) & 07777;
            }
            return 0;
        case __NR_fchown:
        case __NR_syncfs:
            return 0;
        case __NR_fsync:
        case __NR_fdatasync:
            return file.node() != nullptr && file.node()->has_content() ? 0 : -EINVAL;
        case __NR_fadvise64:
            return advise(file, a);
        case __NR_readahead:
            return !file.may_read()                                                ? -EBADF
                   : file.node() == nullptr || !file.node()->is(NodeKind::regular) ? -EINVAL
                                                                                   : 0;
        case __NR_sync_file_range:
            return sync_range(file, a);
        case __NR_flock:
            return lock_file(request, file, a[1]);
        default:
            return std::nullopt;
    }
}

}  // namespace

std::optional<std::int64_t> serve_descriptors(Request& request) {
    auto const& a = request.arguments;
    auto& process = request.process;
    switch (request.number) {
        case __NR_read:
            return transfer(request, true, false);
        case __NR_write:
            return transfer(request, false, false);
        case __NR_pread64:
            return transfer(request, true, true);
        case __NR_pwrite64:
            return transfer(request, false, true);
        case __NR_close:
            // What library OS and tables ask for comes in the message or in the channel.
            return process.close(request.words[0]) ? 0 : -EBADF;
        case __NR_dup: {
            auto const file = process.file(a[0]);
            return file ? process.add(file, false) : -EBADF;
        }
        case __NR_dup2:
            return duplicate(request, a[0], a[1], false);
        case __NR_dup3:
            return a[0] == a[1] || has_more(a[2], O_CLOEXEC)
                       ? -EINVAL
                       : duplicate(request, a[0], a[1], (a[2] & O_CLOEXEC) != 0);
        case __NR_pipe:
            return make_pipe(request, a[0], 0);
        case __NR_pipe2:
            return make_pipe(request, a[0], a[1]);
        case __NR_fcntl:
            return control(request);
        case __NR_ioctl: {
            auto const file = process.file(request.words[0]);
            if (!file || file->is_path()) {
                return -EBADF;
            }
            if (request.words[1] == FIONBIO) {
                auto const on = request.in<std::int32_t>(0).value_or(0) != 0;
                file->status_flags = (file->status_flags & ~std::uint32_t{O_NONBLOCK}) |
                                     (on ? std::uint32_t{O_NONBLOCK} : 0u);
                return 0;
            }
            if (request.words[1] == FIOCLEX || request.words[1] == FIONCLEX) {
                process.descriptors()[static_cast<std::uint32_t>(request.words[0])].close_on_exec =
                    request.words[1] == FIOCLEX;
                return 0;
            }
            return file->ioctl(request.asker(), request.words[1], request.words[2],
                               request.data(0, 64));
        }
        case __NR_close_range:
            return close_range(request, a[0], a[1], a[2]);
        case __NR_memfd_create: {
            constexpr std::uint64_t known =
                MFD_CLOEXEC | MFD_ALLOW_SEALING | 8 | 16;  // EXEC or not
            constexpr std::size_t most = 249;
            auto const name = request.text(a[0]);
            if (!name || name->size() > most || has_more(a[1], known)) {
                return name || a[0] != protocol::no_data ? -EINVAL : -EFAULT;
            }
            auto file = make_ref<RegularFile>(make_ref<Node>(NodeKind::regular, 0777u),
                                              static_cast<std::uint32_t>(O_RDWR));
            file->path = "/memfd:" + *name;
            return process.add(file, (a[1] & MFD_CLOEXEC) != 0);
        }
        case __NR_getcwd:
            return working_directory(request);
        case __NR_fstat:
        case __NR_lseek:
        case __NR_ftruncate:
        case __NR_fallocate:
        case __NR_getdents:
        case __NR_getdents64:
        case __NR_fchdir:
        case __NR_fchmod:
        case __NR_fchown:
        case __NR_fadvise64:
        case __NR_fsync:
        case __NR_fdatasync:
        case __NR_readahead:
        case __NR_sync_file_range:
        case __NR_syncfs:
        case __NR_flock: {
            auto const file = process.file(a[0]);
            return file ? serve_file(request, *file) : -EBADF;
        }
        default:
            return std::nullopt;
    }
}

}  // namespace quarry::server
