#include "servers/linux/sockets.hpp"

#include "servers/linux/reserve.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

namespace quarry::server {
namespace {

using protocol::message_flag::peek;
using protocol::message_flag::truncated;
using protocol::message_flag::without_signal;
using protocol::message_flag::without_waiting;

// Bound sockets: by their node's number, or by their abstract name.
std::map<std::string, Socket*>& names() {
    static std::map<std::string, Socket*> table;
    return table;
}

Socket* named(std::string const& key) {
    auto const found = names().find(key);
    return found == names().end() ? nullptr : found->second;
}

}  // namespace

Socket::~Socket() {
    waiters_.wake_all();  // who waits to send to it, or to be accepted
    if (!key_.empty()) {
        names().erase(key_);
    }
    for (auto* const admirer : admirers_) {
        admirer->partner_ = nullptr;
    }
    if (partner_ == nullptr) {
        return;
    }
    if (is_datagram()) {
        std::erase(partner_->admirers_, this);
    }
    if (partner_->partner_ == this) {
        partner_->partner_ = nullptr;
        partner_->was_reset_ = !is_datagram() && !received_.empty();
        partner_->waiters_.wake_all();
    }
}

void Socket::pair_with(Socket& other, Credentials const& own, Credentials const& others) {
    partner_ = &other;
    other.partner_ = this;
    if (is_datagram()) {  // each may go to another later
        admirers_.push_back(&other);
        other.admirers_.push_back(this);
    }
    was_connected_ = other.was_connected_ = true;
    peer = others;
    other.peer = own;
    peer_address = other.address;
    other.peer_address = address;
}

std::int64_t Socket::bind(std::string own_address, std::string key) {
    if (!key_.empty()) {
        return -EINVAL;
    }
    if (named(key) != nullptr) {
        return -EADDRINUSE;
    }
    address = std::move(own_address);
    key_ = std::move(key);
    names()[key_] = this;
    return 0;
}

std::int64_t Socket::listen(std::size_t most, Credentials const& own) {
    if (is_datagram()) {
        return -EOPNOTSUPP;
    }
    if (key_.empty() || was_connected_) {
        return -EINVAL;
    }
    constexpr std::size_t limit = 4096;  // SOMAXCONN
    is_listening = true;
    most_connecting_ = std::min(most, limit) + 1;
    own_ = own;
    return 0;
}

std::int64_t Socket::connect(Asker asker, std::string const& key, Credentials const& own) {
    auto* const other = named(key);
    if (other == nullptr) {
        return -ECONNREFUSED;
    }
    if (other->type != type) {
        return -EPROTOTYPE;
    }
    if (is_datagram()) {
        if (partner_ != nullptr) {
            std::erase(partner_->admirers_, this);
        }
        partner_ = other;
        other->admirers_.push_back(this);
        peer_address = other->address;
        was_connected_ = true;
        return 0;
    }
    if (was_connected_) {
        return -EISCONN;
    }
    if (is_listening) {
        return -EINVAL;
    }
    if (!other->is_listening) {
        return -ECONNREFUSED;
    }
    if (other->connecting_.size() >= other->most_connecting_) {
        if (is_nonblocking()) {
            return -EAGAIN;
        }
        wait_for(other->waiters_, asker.thread);
        return would_block;
    }
    auto mine = make_ref<Socket>(type, 0u);
    mine->address = other->address;
    pair_with(*mine, own, other->own_);
    other->connecting_.push_back(mine);
    other->waiters_.wake_all();
    return 0;
}

std::int64_t Socket::accept(Asker asker, Ref<Socket>& next) {
    if (is_datagram() || !is_listening) {
        return is_datagram() ? -EOPNOTSUPP : -EINVAL;
    }
    if (connecting_.empty()) {
        return wait_in(waiters_, asker);
    }
    next = connecting_.front();
    connecting_.pop_front();
    waiters_.wake_all();
    return 0;
}

std::int64_t Socket::shutdown(std::uint64_t how) {
    if (how > 2) {
        return -EINVAL;
    }
    bool const reads = how != 1;
    bool const writes = how != 0;
    reads_no_more_ = reads_no_more_ || reads;
    writes_no_more_ = writes_no_more_ || writes;
    if (partner_ != nullptr && !is_datagram()) {
        partner_->reads_no_more_ = partner_->reads_no_more_ || writes;
        partner_->writes_no_more_ = partner_->writes_no_more_ || reads;
        partner_->waiters_.wake_all();
    }
    waiters_.wake_all();
    return 0;
}

std::int64_t Socket::block(Asker asker, std::uint64_t flags) {
    return (flags & without_waiting) != 0 ? -EAGAIN : wait_in(waiters_, asker);
}

std::int64_t Socket::send(Asker asker, Packet packet, std::optional<std::string> const& key,
                          std::uint64_t flags) {
    auto* to = partner_;
    if (!is_stream() && was_reset_) {
        return -take_error();
    }
    if (is_datagram()) {
        to = key ? named(*key) : partner_;
        if (to == nullptr) {
            if (!key && was_connected_) {  // from now on it is as if they had never met
                was_connected_ = false;
                received_.clear();
                received_bytes_ = 0;
                return -ECONNREFUSED;
            }
            return key ? -ECONNREFUSED : -ENOTCONN;
        }
        if (to->type != type) {
            return -EPROTOTYPE;
        }
    } else if (!was_connected_) {
        return -ENOTCONN;
    }
    if (to == nullptr || writes_no_more_ || to->reads_no_more_) {
        if (is_stream() && (flags & without_signal) == 0) {
            asker.process.signal(SIGPIPE);
        }
        return -EPIPE;
    }
    auto const wanted = packet.bytes.size();
    if (!is_stream() && wanted > capacity) {
        return -EMSGSIZE;
    }
    if (memory_is_short()) {
        return -ENOBUFS;
    }
    if (!to->has_room(wanted)) {
        if ((flags & without_waiting) != 0 || is_nonblocking()) {
            return -EAGAIN;
        }
        wait_for(is_datagram() ? to->waiters_ : waiters_, asker.thread);
        return would_block;
    }
    if (is_stream()) {
        if (wanted == 0 && packet.files.empty()) {
            return 0;
        }
        packet.bytes.resize(std::min(wanted, to->room()));
    }
    auto const sent = packet.bytes.size();
    packet.from = address;
    to->received_bytes_ += sent;
    to->put(std::move(packet));
    to->waiters_.wake_all();
    return static_cast<std::int64_t>(sent);
}

bool Socket::has_room(std::size_t bytes) const {
    return is_stream() ? room() != 0
                       : received_.empty() || (room() >= bytes && received_.size() < most_packets);
}

// Small pieces of a stream become one.
void Socket::put(Packet packet) {
    constexpr std::size_t small = 16384;
    if (is_stream() && packet.files.empty() && !received_.empty() &&
        received_.back().files.empty() && received_.back().bytes.size() < small) {
        received_.back().bytes += packet.bytes;
    } else {
        received_.push_back(std::move(packet));
    }
}

std::int64_t Socket::receive(Asker asker, std::size_t most, Packet& packet, std::uint64_t& flags) {
    if (is_listening || (!is_datagram() && !was_connected_)) {
        return is_stream() || is_listening ? -EINVAL : -ENOTCONN;
    }
    auto const wanted = std::exchange(flags, 0);
    if (was_reset_ && (received_.empty() || !is_stream())) {
        return -take_error();
    }
    if (received_.empty()) {
        bool const over = reads_no_more_ || (!is_datagram() && partner_ == nullptr);
        bool const asks_only = (wanted & without_waiting) != 0 || is_nonblocking();
        return over && !(is_datagram() && asks_only) ? 0 : block(asker, wanted);
    }
    packet.from = received_.front().from;
    flags = is_stream() ? copy_stream(most, packet) : copy_packet(most, packet);
    if ((wanted & peek) != 0) {
        return static_cast<std::int64_t>(packet.bytes.size());
    }
    forget(is_stream() ? packet.bytes.size() : received_.front().bytes.size());
    waiters_.wake_all();
    if (partner_ != nullptr) {
        partner_->waiters_.wake_all();
    }
    return static_cast<std::int64_t>(packet.bytes.size());
}

std::uint64_t Socket::copy_packet(std::size_t most, Packet& packet) const {
    auto const& first = received_.front();
    packet.bytes = first.bytes.substr(0, most);
    packet.files = first.files;
    return first.bytes.size() > most ? truncated : 0;
}

// One piece after the other; files begin a new message.
std::uint64_t Socket::copy_stream(std::size_t most, Packet& packet) const {
    for (auto const& piece : received_) {
        bool const begins = &piece == &received_.front();
        if (!begins && (!piece.files.empty() || packet.bytes.size() == most)) {
            break;
        }
        packet.bytes.append(piece.bytes, 0, most - packet.bytes.size());
        if (begins) {
            packet.files = piece.files;
        }
    }
    return 0;
}

void Socket::forget(std::size_t bytes) {
    received_bytes_ -= bytes;
    while (!received_.empty()) {
        auto& first = received_.front();
        auto const part = std::min(bytes, first.bytes.size());
        bytes -= part;
        first.files.clear();
        if (part < first.bytes.size()) {
            first.bytes.erase(0, part);
            return;
        }
        received_.pop_front();
        if (bytes == 0) {
            return;
        }
    }
}

std::int64_t Socket::read(Asker asker, std::span<std::byte> to, std::optional<std::uint64_t>) {
    if (to.empty()) {
        return 0;
    }
    Packet packet;
    std::uint64_t flags = 0;
    auto const done = receive(asker, to.size(), packet, flags);
    if (done > 0) {
        std::memcpy(to.data(), packet.bytes.data(), packet.bytes.size());
    }
    return done;
}

std::int64_t Socket::write(Asker asker, std::span<std::byte const> from,
                           std::optional<std::uint64_t>) {
    Packet packet{{reinterpret_cast<char const*>(from.data()), from.size()}, {}, {}};
    return send(asker, std::move(packet), std::nullopt, 0);
}

std::int64_t Socket::ioctl(Asker, std::uint64_t command, std::uint64_t, std::span<std::byte> data) {
    if (command != FIONREAD) {
        return -ENOTTY;
    }
    auto const bytes = static_cast<std::int32_t>(
        !is_datagram() || received_.empty() ? received_bytes_ : received_.front().bytes.size());
    std::memcpy(data.data(), &bytes, sizeof(bytes));
    return 0;
}

short Socket::ready() const {
    bool const alone = !is_datagram() && was_connected_ && partner_ == nullptr;
    bool const can_read = !received_.empty() || !connecting_.empty() || reads_no_more_ || alone;
    bool const can_write =
        !is_listening &&
        (partner_ == nullptr ? alone || is_datagram() : writes_no_more_ || partner_->has_room(1));
    bool const over = alone || (reads_no_more_ && writes_no_more_) ||
                      (is_stream() && !was_connected_ && !is_listening);
    bool const nothing_more = reads_no_more_ || alone;
    return static_cast<short>((can_read ? POLLIN | POLLRDNORM : 0) |
                              (nothing_more ? POLLRDHUP : 0) | (was_reset_ ? POLLERR : 0) |
                              (can_write ? POLLOUT | POLLWRNORM : 0) | (over ? POLLHUP : 0));
}

void Socket::fill(struct stat& to) const {
    to = {};
    to.st_mode = S_IFSOCK | 0777;
    to.st_nlink = 1;
    to.st_blksize = abi::page_bytes;
    to.st_ino = reinterpret_cast<std::uint64_t>(this) >> 4;
}

}  // namespace quarry::server
