// Sockets: what their calls point to is gathered into the channel, and scattered from it.
#include "user/linux/calls.hpp"
#include "user/linux/memory.hpp"
#include "user/linux/server.hpp"
#include "user/linux/signals.hpp"
#include "user/linux/socket_protocol.hpp"
#include "user/linux/uapi.hpp"

#include <algorithm>
#include <cstring>

namespace quarry::libos {
namespace {

using protocol::SocketMessage;

constexpr std::size_t data_bytes = protocol::channel_data_bytes - protocol::socket_data_at;

struct Vector {
    std::uint64_t base;
    std::uint64_t bytes;
};
struct Header {  // Linux's struct msghdr
    std::uint64_t name;
    std::uint32_t name_bytes, pad;
    std::uint64_t vectors;
    std::uint64_t vector_count;
    std::uint64_t control;
    std::uint64_t control_bytes;
    std::uint32_t flags, pad2;
};
struct Control {  // struct cmsghdr
    std::uint64_t bytes;
    std::int32_t level;
    std::int32_t type;
};

// Where a message's bytes are: a list in the program's memory, or one place.
struct Parts {
    std::uint64_t list = 0;
    std::uint64_t count = 1;
    Vector only{};

    bool get(std::uint64_t index, Vector& part) const {
        part = only;
        return list == 0 || copy_in(part, list + index * sizeof(part));
    }
};
Parts parts_of(Header const& header) { return {header.vectors, header.vector_count, {}}; }

SocketMessage& message() { return *reinterpret_cast<SocketMessage*>(data_of(this_thread())); }
std::byte* body() { return data_of(this_thread()) + protocol::socket_data_at; }

// An address that the server left in the channel, as far as there is room; and how long it is.
std::int64_t give_address(std::byte const* from, std::uint64_t bytes, std::uint64_t to,
                          std::uint64_t length_at) {
    std::uint32_t room = 0;
    if (to == 0) {
        return 0;
    }
    if (!copy_in(room, length_at)) {
        return -EFAULT;
    }
    if (static_cast<std::int32_t>(room) < 0) {
        return -EINVAL;
    }
    auto const count = std::min<std::uint64_t>({room, bytes, protocol::most_address_bytes});
    auto const length = static_cast<std::uint32_t>(bytes);
    return copy_out(to, from, count) && copy_out(length_at, length) ? 0 : -EFAULT;
}

// The parts of a message, at most as much as fits; `done` bytes were sent before.
std::int64_t gather(Parts const& parts, std::uint64_t done) {
    std::uint64_t used = 0;
    for (std::uint64_t i = 0; i < parts.count && used < data_bytes; ++i) {
        Vector vector{};
        if (!parts.get(i, vector)) {
            return -EFAULT;
        }
        auto const skipped = std::min(done, vector.bytes);
        done -= skipped;
        auto const part = std::min(vector.bytes - skipped, data_bytes - used);
        if (!copy_in(body() + used, vector.base + skipped, part)) {
            return -EFAULT;
        }
        used += part;
    }
    return static_cast<std::int64_t>(used);
}

std::int64_t scatter(Parts const& parts, std::uint64_t bytes) {
    std::uint64_t done = 0;
    for (std::uint64_t i = 0; i < parts.count && done < bytes; ++i) {
        Vector vector{};
        if (!parts.get(i, vector)) {
            return -EFAULT;
        }
        auto const part = std::min(vector.bytes, bytes - done);
        if (!copy_out(vector.base, body() + done, part)) {
            return -EFAULT;
        }
        done += part;
    }
    return static_cast<std::int64_t>(done);
}

// The bytes that all parts have together; an error, negated.
std::int64_t total(Parts const& parts) {
    std::uint64_t sum = 0;
    for (std::uint64_t i = 0; i < parts.count; ++i) {
        Vector vector{};
        if (!parts.get(i, vector)) {
            return -EFAULT;
        }
        if (__builtin_add_overflow(sum, vector.bytes, &sum) || static_cast<std::int64_t>(sum) < 0) {
            return -EINVAL;
        }
    }
    return static_cast<std::int64_t>(sum);
}

// Descriptors that go with a message (SCM_RIGHTS).
std::int64_t read_control(Header const& header, SocketMessage& to) {
    for (std::uint64_t at = 0; at + sizeof(Control) <= header.control_bytes;) {
        Control control{};
        if (!copy_in(control, header.control + at)) {
            return -EFAULT;
        }
        if (control.bytes < sizeof(Control) || control.bytes > header.control_bytes - at ||
            control.level != static_cast<std::int32_t>(protocol::level_socket) ||
            control.type != static_cast<std::int32_t>(protocol::pass_files)) {
            return -EINVAL;
        }
        auto const count = (control.bytes - sizeof(Control)) / sizeof(std::int32_t);
        if (count > protocol::most_passed_files - to.files) {
            return -EINVAL;
        }
        if (!copy_in(&to.descriptors[to.files], header.control + at + sizeof(Control),
                     count * sizeof(std::int32_t))) {
            return -EFAULT;
        }
        to.files += static_cast<std::uint32_t>(count);
        at += (control.bytes + 7) & ~std::uint64_t{7};
    }
    return 0;
}

// What came of them; those that have no room in the program's buffer are closed.
bool write_control(Header& header, SocketMessage const& from) {
    auto const room = header.control_bytes < sizeof(Control)
                          ? 0
                          : (header.control_bytes - sizeof(Control)) / sizeof(std::int32_t);
    auto const count = std::min<std::uint64_t>(from.files, room);
    for (auto i = count; i < from.files; ++i) {
        (void)ask(__NR_close, static_cast<std::uint32_t>(from.descriptors[i]));
        header.flags |= protocol::message_flag::control_truncated;
    }
    header.control_bytes = 0;
    if (count == 0) {
        return true;
    }
    Control const control{sizeof(Control) + count * sizeof(std::int32_t),
                          static_cast<std::int32_t>(protocol::level_socket),
                          static_cast<std::int32_t>(protocol::pass_files)};
    header.control_bytes = (control.bytes + 7) & ~std::uint64_t{7};
    return copy_out(header.control, control) &&
           copy_out(header.control + sizeof(Control), from.descriptors,
                    count * sizeof(std::int32_t));
}

// Pieces until all is sent; only the first one has files with it.
std::int64_t send(std::uint64_t descriptor, Header const& header, Parts const& parts,
                  std::uint64_t flags) {
    SocketMessage head{};
    head.flags = flags;
    if (parts.count > UIO_MAXIOV || header.name_bytes > protocol::most_address_bytes) {
        return parts.count > UIO_MAXIOV ? -EMSGSIZE : -EINVAL;
    }
    if (header.name != 0 && header.name_bytes != 0) {
        head.address_bytes = header.name_bytes;
        if (!copy_in(head.address, header.name, header.name_bytes)) {
            return -EFAULT;
        }
    }
    auto const all = total(parts);
    auto const controlled = all < 0 ? all : read_control(header, head);
    if (controlled < 0) {
        return controlled;
    }
    std::int64_t done = 0;
    do {
        auto const piece = gather(parts, static_cast<std::uint64_t>(done));
        message() = head;
        auto const sent = piece < 0 ? piece
                                    : ask_until_done(__NR_sendmsg, descriptor,
                                                     static_cast<std::uint64_t>(piece), 0);
        if (sent < 0) {
            return done == 0 ? sent : done;
        }
        done += sent;
        head.files = 0;
        if (sent == 0) {
            break;
        }
    } while (done < all);
    return done;
}

// What came: how many bytes; the rest is in the channel's message.
std::int64_t receive(std::uint64_t descriptor, Parts const& parts, std::uint64_t flags) {
    auto const all = parts.count > UIO_MAXIOV ? -EMSGSIZE : total(parts);
    if (all < 0) {
        return all;
    }
    auto const most = std::min(static_cast<std::uint64_t>(all), std::uint64_t{data_bytes});
    auto const came = ask_until_done(__NR_recvmsg, descriptor, most, flags);
    if (came < 0) {
        return came;
    }
    return scatter(parts, static_cast<std::uint64_t>(came)) < 0 ? -EFAULT : came;
}

// Calls that only ask for an address.
std::int64_t ask_address(std::uint64_t number, std::uint64_t descriptor, std::uint64_t to,
                         std::uint64_t length_at, std::uint64_t flags = 0) {
    auto const answer = forward_as(number, {descriptor, 0, 0, flags});
    if (answer < 0) {
        return answer;
    }
    auto const bytes = channel_of(this_thread()).results[0];
    auto const given = give_address(data_of(this_thread()), bytes, to, length_at);
    return given < 0 ? given : answer;
}

}  // namespace

namespace calls {

std::int64_t sendto(Registers& r) {
    Header header{};
    header.name = r.r8;
    header.name_bytes = static_cast<std::uint32_t>(r.r9);
    return send(r.rdi, header, {.only = {r.rsi, r.rdx}}, r.r10);
}

std::int64_t sendmsg(Registers& r) {
    Header header{};
    return copy_in(header, r.rsi) ? send(r.rdi, header, parts_of(header), r.rdx) : -EFAULT;
}

std::int64_t recvfrom(Registers& r) {
    auto const came = receive(r.rdi, {.only = {r.rsi, r.rdx}}, r.r10);
    if (came < 0) {
        return came;
    }
    auto const head = message();
    for (std::uint32_t i = 0; i < head.files; ++i) {  // nobody asked for them
        (void)ask(__NR_close, static_cast<std::uint32_t>(head.descriptors[i]));
    }
    auto const given = give_address(head.address, head.address_bytes, r.r8, r.r9);
    return given < 0 ? given : came;
}

std::int64_t recvmsg(Registers& r) {
    Header header{};
    if (!copy_in(header, r.rsi)) {
        return -EFAULT;
    }
    auto const came = receive(r.rdi, parts_of(header), r.rdx);
    if (came < 0) {
        return came;
    }
    auto const head = message();
    header.flags =
        static_cast<std::uint32_t>(head.flags | (r.rdx & protocol::message_flag::close_on_exec));
    auto const room = std::min<std::uint64_t>(header.name_bytes, head.address_bytes);
    bool const written = write_control(header, head) &&
                         (header.name == 0 || copy_out(header.name, head.address, room));
    header.name_bytes = header.name == 0 ? 0 : head.address_bytes;
    return written && copy_out(r.rsi, header) ? came : -EFAULT;
}

std::int64_t accept(Registers& r) { return ask_address(__NR_accept4, r.rdi, r.rsi, r.rdx); }
std::int64_t accept4(Registers& r) { return ask_address(__NR_accept4, r.rdi, r.rsi, r.rdx, r.r10); }
std::int64_t getsockname(Registers& r) {
    return ask_address(__NR_getsockname, r.rdi, r.rsi, r.rdx);
}
std::int64_t getpeername(Registers& r) {
    return ask_address(__NR_getpeername, r.rdi, r.rsi, r.rdx);
}

// Options mean nothing, but must be there to be read.
std::int64_t setsockopt(Registers& r) {
    auto const answer = forward(r);
    if (answer != 0 && answer != -ENOPROTOOPT) {
        return answer;
    }
    std::int32_t value = 0;
    if (static_cast<std::int32_t>(r.r8) < static_cast<std::int32_t>(sizeof(value))) {
        return -EINVAL;
    }
    return copy_in(value, r.r10) ? answer : -EFAULT;
}

std::int64_t getsockopt(Registers& r) {
    auto const answer = forward_as(__NR_getsockopt, {r.rdi, r.rsi, r.rdx});
    if (answer < 0) {
        return answer;
    }
    auto const bytes = channel_of(this_thread()).results[0];
    auto const given = give_address(data_of(this_thread()), bytes, r.r10, r.r8);
    return given < 0 ? given : answer;
}

}  // namespace calls
}  // namespace quarry::libos
