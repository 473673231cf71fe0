// What library OS and server say to each other about sockets: where in the channel's data the parts of a
// message lie. And Linux's constants, which its published headers leave to the C library.
#pragma once

#include <cstddef>
#include <cstdint>

namespace quarry::protocol {

inline constexpr std::size_t most_address_bytes = 128;  // struct sockaddr_storage
inline constexpr std::size_t most_passed_files = 16;

struct SocketMessage {
    std::uint64_t flags;          // MSG_
    std::uint32_t address_bytes;  // there are; 0: none
    std::uint32_t files;          // descriptors that go with it
    std::byte address[most_address_bytes];
    std::int32_t descriptors[most_passed_files];
};
inline constexpr std::size_t socket_data_at = 1024;  // of the bytes themselves
static_assert(sizeof(SocketMessage) <= socket_data_at);

namespace message_flag {
inline constexpr std::uint64_t peek = 2;
inline constexpr std::uint64_t control_truncated = 8;
inline constexpr std::uint64_t truncated = 0x20;
inline constexpr std::uint64_t without_waiting = 0x40;
inline constexpr std::uint64_t without_signal = 0x4000;
inline constexpr std::uint64_t close_on_exec = 0x4000'0000;
}  // namespace message_flag

inline constexpr std::uint64_t family_unix = 1;
inline constexpr std::uint64_t type_stream = 1;
inline constexpr std::uint64_t type_datagram = 2;
inline constexpr std::uint64_t type_packets = 5;  // SOCK_SEQPACKET
inline constexpr std::uint64_t level_socket = 1;  // SOL_SOCKET
inline constexpr std::uint64_t pass_files = 1;    // SCM_RIGHTS

}  // namespace quarry::protocol
