// Requests about open files and descriptors.
#include "servers/linux/events.hpp"
#include "servers/linux/files.hpp"
#include "servers/linux/pipe.hpp"
#include "servers/linux/request.hpp"
#include "servers/linux/reserve.hpp"

#include <linux/memfd.h>

namespace quarry::server {
namespace {

std::int64_t transfer(Request& request, bool reads, bool positioned) {
    auto const file = request.process.file(request.words[0]);
    if (!file || !(reads ? file->may_read() : file->may_write()) ||
        (file->status_flags & O_PATH) != 0) {
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
    if ((flags & ~std::uint64_t{O_CLOEXEC | O_NONBLOCK | O_DIRECT}) != 0) {
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
            return Pipe::capacity;
        case F_SETPIPE_SZ:
            return Pipe::capacity;
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
    if (first > last) {
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

std::int64_t poll(Request& request) {
    auto const count = request.words[0];
    bool const at_once = request.words[1] != 0;
    auto const place = request.data(0, count * sizeof(pollfd));
    if (count > protocol::most_descriptors || place.size() != count * sizeof(pollfd)) {
        return -EINVAL;
    }
    std::vector<pollfd> list(count);
    std::memcpy(list.data(), place.data(), place.size());
    std::int64_t ready = 0;
    for (auto& each : list) {
        each.revents = 0;
        if (each.fd < 0) {
            continue;
        }
        auto const file = request.process.file(static_cast<std::uint64_t>(each.fd));
        each.revents = file ? static_cast<short>(file->ready() & (each.events | POLLERR | POLLHUP))
                            : static_cast<short>(POLLNVAL);
        ready += each.revents != 0 ? 1 : 0;
    }
    std::memcpy(place.data(), list.data(), place.size());
    if (ready != 0 || at_once) {
        return ready;
    }
    for (auto const& each : list) {
        auto const file = each.fd < 0 ? Ref<OpenFile>{}
                                      : request.process.file(static_cast<std::uint64_t>(each.fd));
        if (file && file->waiters() != nullptr) {
            wait_for(*file->waiters(), request.thread);
        }
    }
    return would_block;
}

EventList* event_list(Request& request, std::uint64_t descriptor) {
    auto const file = request.process.file(descriptor);
    return file ? file->event_list() : nullptr;
}

std::int64_t epoll_control(Request& request) {
    auto const& a = request.arguments;
    auto* const list = event_list(request, a[0]);
    auto const file = request.process.file(a[2]);
    if (!file || !request.process.file(a[0])) {
        return -EBADF;
    }
    if (list == nullptr) {
        return -EINVAL;
    }
    if (file->waiters() == nullptr && a[1] == EPOLL_CTL_ADD) {
        return -EPERM;  // what is always ready, as on Linux
    }
    epoll_event event{};
    if (a[1] != EPOLL_CTL_DEL) {
        auto const given = request.in<epoll_event>(a[3]);
        if (!given) {
            return -EFAULT;
        }
        event = *given;
    }
    return list->control(a[1], static_cast<std::int32_t>(a[2]), file, event);
}

std::int64_t epoll_wait(Request& request) {
    auto* const list = event_list(request, request.words[0]);
    if (list == nullptr) {
        return request.process.file(request.words[0]) ? -EINVAL : -EBADF;
    }
    std::vector<epoll_event> found;
    auto const answer = list->wait(request.asker(), found, request.words[1], request.words[2] != 0);
    auto const place = request.data(0, found.size() * sizeof(epoll_event));
    if (place.size() != found.size() * sizeof(epoll_event)) {
        return -EINVAL;
    }
    std::memcpy(place.data(), found.data(), place.size());
    return answer;
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

// Requests about one open file.
std::optional<std::int64_t> serve_file(Request& request, OpenFile& file) {
    auto const& a = request.arguments;
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
        case __NR_fallocate: {
            auto* const node = file.node();
            if (node == nullptr || !node->is(NodeKind::regular) || !file.may_write()) {
                return -EBADF;
            }
            if ((a[1] & ~std::uint64_t{FALLOC_FL_KEEP_SIZE}) != 0) {
                return -EOPNOTSUPP;
            }
            auto const end = a[2] + a[3];
            bool const grows = a[1] == 0 && end > node->content.size();
            return grows ? file.truncate(end) : 0;
        }
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
        case __NR_fadvise64:
        case __NR_fsync:
        case __NR_fdatasync:
            return 0;
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
            return a[0] == a[1] ? -EINVAL : duplicate(request, a[0], a[1], (a[2] & O_CLOEXEC) != 0);
        case __NR_pipe:
            return make_pipe(request, a[0], 0);
        case __NR_pipe2:
            return make_pipe(request, a[0], a[1]);
        case __NR_fcntl:
            return control(request);
        case __NR_ioctl: {
            auto const file = process.file(request.words[0]);
            if (!file) {
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
        case __NR_poll:
            return poll(request);
        case __NR_epoll_create:
            return process.add(make_ref<EventList>(), false);
        case __NR_epoll_create1:
            return process.add(make_ref<EventList>(), (a[0] & EPOLL_CLOEXEC) != 0);
        case __NR_epoll_ctl:
            return epoll_control(request);
        case __NR_epoll_wait:
            return epoll_wait(request);
        case __NR_eventfd:
            return process.add(make_ref<EventCounter>(a[0], false, 0u), false);
        case __NR_eventfd2:
            return process.add(
                make_ref<EventCounter>(a[0], (a[1] & 1) != 0,
                                       static_cast<std::uint32_t>(a[1] & O_NONBLOCK)),
                (a[1] & O_CLOEXEC) != 0);
        case __NR_memfd_create: {
            auto file = make_ref<RegularFile>(make_ref<Node>(NodeKind::regular, 0777u),
                                              static_cast<std::uint32_t>(O_RDWR));
            file->path = "/memfd:" + request.text(a[0]).value_or("");
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
        case __NR_flock: {
            auto const file = process.file(a[0]);
            return file ? serve_file(request, *file) : -EBADF;
        }
        default:
            return std::nullopt;
    }
}

}  // namespace quarry::server
