// Sockets within the machine (AF_UNIX): streams, packets and datagrams between processes, with open files
// in them. There is no network.
#pragma once

#include "servers/linux/process.hpp"
#include "servers/linux/request.hpp"
#include "user/linux/socket_protocol.hpp"

#include <deque>
#include <string>
#include <vector>

namespace quarry::server {

class Socket : public OpenFile {
  public:
    struct Packet {
        std::string bytes;
        std::string from;  // the sender's address
        std::vector<Ref<OpenFile>> files;
    };
    struct Credentials {
        std::int32_t process;
        std::uint32_t user;
        std::uint32_t group;
    };

    Socket(std::uint64_t type_of, std::uint32_t status)
        : OpenFile(status | O_RDWR), type(type_of) {}
    ~Socket() override;

    std::int64_t read(Asker asker, std::span<std::byte> to,
                      std::optional<std::uint64_t> offset) override;
    std::int64_t write(Asker asker, std::span<std::byte const> from,
                       std::optional<std::uint64_t> offset) override;
    std::int64_t ioctl(Asker asker, std::uint64_t command, std::uint64_t argument,
                       std::span<std::byte> data) override;
    short ready() const override;
    Waiters* waiters() override { return &waiters_; }
    Socket* socket() override { return this; }
    void fill(struct stat& to) const override;

    void pair_with(Socket& other, Credentials const& own, Credentials const& others);
    std::int64_t bind(std::string address, std::string key);
    std::int64_t listen(std::size_t most, Credentials const& own);
    std::int64_t connect(Asker asker, std::string const& key, Credentials const& own);
    // The next one that connected; or an error, or would_block.
    std::int64_t accept(Asker asker, Ref<Socket>& next);
    std::int64_t shutdown(std::uint64_t how);

    // Bytes and files to the partner, or, of a datagram, to whom the key names.
    std::int64_t send(Asker asker, Packet packet, std::optional<std::string> const& key,
                      std::uint64_t flags);
    // What has come, at most so many bytes of it. `flags` say how; then they are the message's.
    std::int64_t receive(Asker asker, std::size_t most, Packet& packet, std::uint64_t& flags);

    bool is_stream() const { return type == protocol::type_stream; }
    bool is_datagram() const { return type == protocol::type_datagram; }
    bool was_connected() const { return was_connected_; }
    // What went wrong since it was asked last, as SO_ERROR says it; 0: nothing.
    int take_error() { return std::exchange(was_reset_, false) ? ECONNRESET : 0; }

    std::uint64_t const type;
    std::string address;       // as it was bound: the family, then the path
    std::string peer_address;  // the partner's, when they met
    Credentials peer{0, ~0u, ~0u};
    bool is_listening = false;

    static constexpr std::size_t capacity = 212992;  // net.core.wmem_default

  private:
    static constexpr std::size_t most_packets = 256;
    std::int64_t block(Asker asker, std::uint64_t flags);
    // Copies what `receive` gives; the flags of the message.
    std::uint64_t copy_packet(std::size_t most, Packet& packet) const;
    std::uint64_t copy_stream(std::size_t most, Packet& packet) const;
    void forget(std::size_t bytes);
    bool has_room(std::size_t bytes) const;
    void put(Packet packet);
    std::size_t room() const { return capacity - std::min(capacity, received_bytes_); }

    std::string key_;  // in the table of names
    Socket* partner_ = nullptr;
    bool was_connected_ = false;
    bool reads_no_more_ = false;
    bool writes_no_more_ = false;
    bool was_reset_ = false;  // the partner went without having read all: ECONNRESET, once
    std::deque<Packet> received_;
    std::size_t received_bytes_ = 0;
    std::deque<Ref<Socket>> connecting_;
    std::size_t most_connecting_ = 0;
    Credentials own_{0, 0, 0};
    std::vector<Socket*> admirers_;  // datagram sockets that are connected to this one
    Waiters waiters_;
};

std::optional<std::int64_t> serve_sockets(Request& request);

}  // namespace quarry::server
