// One request of a library OS, with what its channel said when it came.
#pragma once

#include "servers/linux/file_system.hpp"
#include "servers/linux/process.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>

namespace quarry::server {

class Request {
  public:
    Request(Process& process_of, ClientThread& thread_of, std::uint64_t number_of,
            std::array<std::uint64_t, 3> words_of)
        : process(process_of),
          thread(thread_of),
          number(number_of),
          words(words_of),
          arguments(thread_of.head().arguments) {}

    Process& process;
    ClientThread& thread;
    std::uint64_t const number;
    std::array<std::uint64_t, 3> const words;                            // those in the message
    std::array<std::uint64_t, protocol::max_arguments> const arguments;  // copied once
    std::array<std::uint64_t, 3> results{};                              // beside the answer
    bool answered = true;  // false: nobody is there to be answered
    // What happens to the caller when it has its answer.
    enum class After : std::uint8_t { nothing, thread_gone, stopped, killed };
    After after = After::nothing;
    int stop_signal = SIGSTOP;

    Asker asker() const { return {process, thread}; }

    // The channel's data from an offset that the client named; empty if that lies outside.
    std::span<std::byte> data(std::uint64_t offset, std::uint64_t bytes) const {
        if (offset > protocol::channel_data_bytes ||
            bytes > protocol::channel_data_bytes - offset) {
            return {};
        }
        return {thread.data() + offset, bytes};
    }
    // A string there, copied; nothing if it has no end or no place.
    std::optional<std::string> text(std::uint64_t offset) const {
        constexpr std::uint64_t most = 4096;
        if (offset >= protocol::channel_data_bytes) {
            return std::nullopt;
        }
        auto const room = std::min(most, protocol::channel_data_bytes - offset);
        auto const* const from = reinterpret_cast<char const*>(thread.data() + offset);
        auto const* const end = static_cast<char const*>(std::memchr(from, 0, room));
        if (end == nullptr) {
            return std::nullopt;
        }
        std::string copy(from, end);
        // The client may have written meanwhile.
        copy.resize(std::min(copy.find('\0'), copy.size()));
        return copy;
    }
    template <typename T>
    std::optional<T> in(std::uint64_t offset) const {
        auto const bytes = data(offset, sizeof(T));
        if (bytes.empty()) {
            return std::nullopt;
        }
        T value;
        std::memcpy(&value, bytes.data(), sizeof(T));
        return value;
    }
    // False where there is no place; one that was not wanted (protocol::no_data) is fine.
    template <typename T>
    bool out(std::uint64_t offset, T const& value) const {
        if (offset == protocol::no_data) {
            return true;
        }
        auto const bytes = data(offset, sizeof(T));
        if (bytes.empty()) {
            return false;
        }
        std::memcpy(bytes.data(), &value, sizeof(T));
        return true;
    }
};

// Whether flags, which are 32 bits, are more than a call knows.
constexpr bool has_more(std::uint64_t flags, std::uint64_t known) {
    return (flags & ~known & 0xffff'ffff) != 0;
}

// Each answers what it knows; nothing: it is another's.
std::optional<std::int64_t> serve_opening(Request& request);
std::optional<std::int64_t> serve_attributes(Request& request);
std::optional<std::int64_t> serve_tree(Request& request);
std::optional<std::int64_t> serve_descriptors(Request& request);
std::optional<std::int64_t> serve_polling(Request& request);
std::optional<std::int64_t> serve_processes(Request& request);
std::optional<std::int64_t> serve_memory(Request& request);

std::int64_t map_anonymous(Request& request, std::uint64_t bytes);

// Opens what a path names, as open(2) does: the file, or an error.
struct Opened {
    std::int64_t error = 0;
    Ref<OpenFile> file;
};
Opened open_path(Request& request, Ref<Node> start, std::string const& path, std::uint64_t flags,
                 std::uint64_t mode);

}  // namespace quarry::server
