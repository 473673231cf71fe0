// Requests about sockets. What calls point to lies in the channel as socket_protocol.hpp says.
#include "servers/linux/files.hpp"
#include "servers/linux/names.hpp"
#include "servers/linux/reserve.hpp"
#include "servers/linux/sockets.hpp"

#include <cstring>

namespace quarry::server {
namespace {

using protocol::SocketMessage;

constexpr std::uint64_t type_mask = 0xf;

Socket::Credentials credentials_of(Process const& process) {
    return {static_cast<std::int32_t>(process.id), 0, 0};
}

// What a type asks for besides: both flags are open's.
std::uint32_t status_of(std::uint64_t type) {
    return static_cast<std::uint32_t>(type & O_NONBLOCK);
}
bool closes(std::uint64_t type) { return (type & O_CLOEXEC) != 0; }

std::int64_t check(std::uint64_t family, std::uint64_t type, std::uint64_t protocol_number) {
    if (family != protocol::family_unix) {
        return -EAFNOSUPPORT;
    }
    auto const kind = type & type_mask;
    if ((type & ~(type_mask | O_NONBLOCK | O_CLOEXEC)) != 0) {
        return -EINVAL;
    }
    if (kind != protocol::type_stream && kind != protocol::type_datagram &&
        kind != protocol::type_packets) {
        return -ESOCKTNOSUPPORT;
    }
    if (protocol_number > 1) {
        return -EPROTONOSUPPORT;
    }
    return memory_is_short() ? -ENOBUFS : 0;
}

std::int64_t make(Request& request) {
    auto const [family, type, number, d, e, f] = request.arguments;
    if (auto const error = check(family, type, number); error != 0) {
        return error;
    }
    return request.process.add(make_ref<Socket>(type & type_mask, status_of(type)), closes(type));
}

std::int64_t make_pair(Request& request) {
    auto const [family, type, number, to, e, f] = request.arguments;
    if (auto const error = check(family, type, number); error != 0) {
        return error;
    }
    auto one = make_ref<Socket>(type & type_mask, status_of(type));
    auto two = make_ref<Socket>(type & type_mask, status_of(type));
    one->pair_with(*two, credentials_of(request.process), credentials_of(request.process));
    auto const first = request.process.add(one, closes(type));
    auto const second = request.process.add(two, closes(type));
    if (second < 0) {
        if (first >= 0) {
            request.process.close(static_cast<std::uint64_t>(first));
        }
        return second;
    }
    std::array const pair{static_cast<std::int32_t>(first), static_cast<std::int32_t>(second)};
    return request.out(to, pair) ? 0 : -EFAULT;
}

// A path or an abstract name, of a sockaddr_un.
struct Address {
    std::int64_t error = 0;
    std::string bytes;  // family and path, as given
    std::string path;   // empty: an abstract name
};
Address parse(std::span<std::byte const> bytes) {
    Address address;
    std::uint16_t family = 0;
    constexpr std::size_t most = 110;  // sizeof(sockaddr_un)
    if (bytes.size() < sizeof(family) || bytes.size() > most) {
        address.error = -EINVAL;
        return address;
    }
    std::memcpy(&family, bytes.data(), sizeof(family));
    if (family != protocol::family_unix) {
        address.error = -EINVAL;
        return address;
    }
    address.bytes.assign(reinterpret_cast<char const*>(bytes.data()), bytes.size());
    auto const rest = address.bytes.substr(sizeof(family));
    if (rest.empty() || rest[0] != '\0') {
        address.path = rest.substr(0, rest.find('\0'));
    }
    return address;
}

std::string key_of(Node const& node) { return "#" + std::to_string(node.number); }

// Where the name of an address leads; a path must lead to a socket.
std::int64_t find_key(Request& request, Address const& address, std::string& key) {
    if (address.error != 0) {
        return address.error;
    }
    if (address.path.empty()) {
        key = address.bytes;
        return address.bytes.size() > 2 ? 0 : -EINVAL;
    }
    auto const found = find(request.process, request.process.directory, address.path, Follow::yes);
    if (found.error != 0) {
        return found.error;
    }
    if (!found.node || !found.node->is(NodeKind::socket)) {
        return -ECONNREFUSED;
    }
    key = key_of(*found.node);
    return 0;
}

std::int64_t bind(Request& request, Socket& socket, Address const& address) {
    if (address.error != 0) {
        return address.error;
    }
    if (address.path.empty()) {
        constexpr std::uint64_t autobind_names = 0x100000;
        static constinit std::uint64_t next_name = 0;
        auto name = address.bytes;
        if (name.size() == 2) {  // any that is free
            name += '\0';
            name += std::to_string(next_name++ % autobind_names);
        }
        return socket.bind(name, name);
    }
    auto found = find(request.process, request.process.directory, address.path, Follow::never);
    expect_new(found, NodeKind::socket);
    if (found.error != 0) {
        return found.error == -EEXIST ? -EADDRINUSE : found.error;
    }
    if (memory_is_short()) {
        return -ENOSPC;
    }
    auto node = make_ref<Node>(NodeKind::socket, 0777u & ~request.process.mask);
    auto const bound = socket.bind(address.bytes, key_of(*node));
    if (bound == 0) {
        put_new(*found.directory, found.name, node);
    }
    return bound;
}

std::int64_t connect(Request& request, Socket& socket, Address const& address) {
    std::string key;
    if (auto const error = find_key(request, address, key); error != 0) {
        return error;
    }
    return socket.connect(request.asker(), key, credentials_of(request.process));
}

std::int64_t give_address(Request& request, std::string const& address) {
    constexpr std::uint16_t family = protocol::family_unix;
    std::string const unnamed{reinterpret_cast<char const*>(&family), sizeof(family)};
    auto const& bytes = address.empty() ? unnamed : address;
    std::memcpy(request.thread.data(), bytes.data(), bytes.size());
    request.results[0] = bytes.size();
    return 0;
}

std::int64_t accept(Request& request, Socket& socket, std::uint64_t flags) {
    if ((flags & ~std::uint64_t{O_NONBLOCK | O_CLOEXEC}) != 0) {
        return -EINVAL;
    }
    Ref<Socket> next;
    auto const answer = socket.accept(request.asker(), next);
    if (answer != 0) {
        return answer;
    }
    next->status_flags |= status_of(flags);
    (void)give_address(request, next->peer_address);
    return request.process.add(next, closes(flags));
}

std::int64_t send(Request& request, Socket& socket) {
    auto const head = request.in<SocketMessage>(0);
    auto const bytes = request.data(protocol::socket_data_at, request.words[1]);
    if (!head || bytes.size() != request.words[1] || head->files > protocol::most_passed_files ||
        head->address_bytes > protocol::most_address_bytes) {
        return -EINVAL;
    }
    Socket::Packet packet{{reinterpret_cast<char const*>(bytes.data()), bytes.size()}, {}, {}};
    for (std::uint32_t i = 0; i < head->files; ++i) {
        auto file = request.process.file(static_cast<std::uint32_t>(head->descriptors[i]));
        if (!file) {
            return -EBADF;
        }
        // A socket in itself would never go away.
        if (file->socket() != nullptr) {
            return -EOPNOTSUPP;
        }
        packet.files.push_back(std::move(file));
    }
    std::optional<std::string> key;
    if (head->address_bytes != 0) {
        if (socket.is_stream()) {
            return socket.was_connected() ? -EISCONN : -EOPNOTSUPP;
        }
        std::string to;
        auto const error =
            find_key(request, parse(std::span(head->address).first(head->address_bytes)), to);
        if (error != 0) {
            return error;
        }
        key = to;
    }
    return socket.send(request.asker(), std::move(packet), key, head->flags);
}

std::int64_t receive(Request& request, Socket& socket) {
    auto const place = request.data(protocol::socket_data_at, request.words[1]);
    auto flags = request.words[2];
    bool const close_on_exec = (flags & protocol::message_flag::close_on_exec) != 0;
    if (place.size() != request.words[1]) {
        return -EINVAL;
    }
    Socket::Packet packet;
    auto const done = socket.receive(request.asker(), place.size(), packet, flags);
    if (done < 0) {
        return done;
    }
    SocketMessage head{};
    head.flags = flags;
    head.address_bytes = static_cast<std::uint32_t>(packet.from.size());
    std::memcpy(head.address, packet.from.data(), packet.from.size());
    for (auto const& file : packet.files) {
        auto const descriptor = request.process.add(file, close_on_exec);
        if (descriptor < 0) {
            head.flags |= protocol::message_flag::control_truncated;
            break;
        }
        head.descriptors[head.files++] = static_cast<std::int32_t>(descriptor);
    }
    std::memcpy(place.data(), packet.bytes.data(), packet.bytes.size());
    return request.out(0, head) ? done : -EFAULT;
}

std::int64_t check_option(std::uint64_t level, std::uint64_t name) {
    constexpr std::uint64_t last_old = 21;  // SO_SNDTIMEO
    constexpr std::uint64_t first_new = 26;
    constexpr std::uint64_t last_new = 75;
    if (level != protocol::level_socket) {
        return -EOPNOTSUPP;
    }
    bool const known = (name >= 1 && name <= last_old) || (name >= first_new && name <= last_new);
    return known ? 0 : -ENOPROTOOPT;
}

// Options mean nothing, but for those that only tell; of the others the value is 0.
std::int64_t get_option(Request& request, Socket& socket, std::uint64_t level, std::uint64_t name) {
    constexpr std::uint64_t type = 3;
    constexpr std::uint64_t last_error = 4;
    constexpr std::uint64_t send_buffer = 7;
    constexpr std::uint64_t receive_buffer = 8;
    constexpr std::uint64_t credentials = 17;
    constexpr std::uint64_t accepts = 30;
    constexpr std::uint64_t domain = 39;
    if (auto const error = check_option(level, name); error != 0) {
        return error;
    }
    std::int32_t value = 0;
    switch (name) {
        case type:
            value = static_cast<std::int32_t>(socket.type);
            break;
        case send_buffer:
        case receive_buffer:
            value = Socket::capacity;
            break;
        case accepts:
            value = socket.is_listening ? 1 : 0;
            break;
        case last_error:
            value = socket.take_error();
            break;
        case domain:
            value = protocol::family_unix;
            break;
        case credentials:
            std::memcpy(request.thread.data(), &socket.peer, sizeof(socket.peer));
            request.results[0] = sizeof(socket.peer);
            return 0;
        default:
            break;
    }
    std::memcpy(request.thread.data(), &value, sizeof(value));
    request.results[0] = sizeof(value);
    return 0;
}

std::int64_t serve_socket(Request& request, Socket& socket) {
    auto const& a = request.arguments;
    auto const address = [&] { return parse(request.data(a[1], a[2])); };
    switch (request.number) {
        case __NR_bind:
            return bind(request, socket, address());
        case __NR_connect:
            return connect(request, socket, address());
        case __NR_listen:
            return socket.listen(static_cast<std::uint32_t>(a[1]), credentials_of(request.process));
        case __NR_accept4:
            return accept(request, socket, a[3]);
        case __NR_getsockname:
            return give_address(request, socket.address);
        case __NR_getpeername:
            return socket.peer.process == 0 && socket.peer_address.empty()
                       ? -ENOTCONN
                       : give_address(request, socket.peer_address);
        case __NR_sendmsg:
            return send(request, socket);
        case __NR_recvmsg:
            return receive(request, socket);
        case __NR_shutdown:
            return socket.shutdown(a[1]);
        case __NR_setsockopt:
            return check_option(a[1], a[2]);
        case __NR_getsockopt:
            return get_option(request, socket, a[1], a[2]);
        default:
            return -EOPNOTSUPP;
    }
}

// Those of which arguments come in the message itself.
bool in_message(std::uint64_t number) { return number == __NR_sendmsg || number == __NR_recvmsg; }

}  // namespace

std::optional<std::int64_t> serve_sockets(Request& request) {
    auto const number = request.number;
    if (number == __NR_socket) {
        return make(request);
    }
    if (number == __NR_socketpair) {
        return make_pair(request);
    }
    bool const is_one =
        (number > __NR_socket && number <= __NR_getsockopt) || number == __NR_accept4;
    if (!is_one) {
        return std::nullopt;
    }
    auto const file =
        request.process.file(in_message(number) ? request.words[0] : request.arguments[0]);
    if (!file) {
        return -EBADF;
    }
    auto* const socket = file->socket();
    return socket == nullptr ? -ENOTSOCK : serve_socket(request, *socket);
}

}  // namespace quarry::server
