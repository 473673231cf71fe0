// What a descriptor stands for: Linux's open file description. Several descriptors, in several
// processes, may share one.
#pragma once

#include "servers/linux/ref.hpp"
#include "servers/linux/waiters.hpp"
#include "user/linux/protocol.hpp"
#include "user/linux/uapi.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <string>

namespace quarry::server {

class EventList;
class Socket;
class TimerFile;
class Node;
class Process;
struct ClientThread;

using protocol::would_block;

// Who asks: for what depends on it (groups and signals of the terminal).
struct Asker {
    Process& process;
    ClientThread& thread;
};

// Results are Linux's, or would_block after the asker was put among the waiters.
class OpenFile : public Counted {
  public:
    explicit OpenFile(std::uint32_t status) : status_flags(status) {}

    virtual std::int64_t read(Asker, std::span<std::byte>, std::optional<std::uint64_t>) {
        return -EINVAL;
    }
    virtual std::int64_t write(Asker, std::span<std::byte const>, std::optional<std::uint64_t>) {
        return -EINVAL;
    }
    virtual std::int64_t seek(std::int64_t, std::uint64_t) { return -ESPIPE; }
    virtual std::int64_t ioctl(Asker, std::uint64_t, std::uint64_t, std::span<std::byte>) {
        return -ENOTTY;
    }
    virtual std::int64_t truncate(std::uint64_t) { return -EINVAL; }
    virtual std::int64_t list(std::span<std::byte>) { return -ENOTDIR; }
    // What it is ready for, as poll(2) says it.
    virtual short ready() const { return POLLIN | POLLOUT; }
    // Who waits until that changes; null if it never does.
    virtual Waiters* waiters() { return nullptr; }
    // Puts a thread among all whom a change of that may wake.
    virtual void enlist(std::uint64_t environment) {
        if (auto* const all = waiters()) {
            all->add(environment);
        }
    }
    virtual Node* node() const { return nullptr; }
    virtual bool is_pipe() const { return false; }
    virtual EventList* event_list() { return nullptr; }
    virtual TimerFile* timer() { return nullptr; }
    virtual Socket* socket() { return nullptr; }
    virtual void fill(struct stat& to) const;

    bool may_read() const { return (status_flags & O_ACCMODE) != O_WRONLY; }
    bool may_write() const { return (status_flags & O_ACCMODE) != O_RDONLY; }
    bool is_path() const { return (status_flags & O_PATH) != 0; }
    bool is_nonblocking() const { return (status_flags & O_NONBLOCK) != 0; }

    std::uint32_t status_flags;
    std::size_t descriptors = 0;  // that stand for it, in all processes
    std::string path;             // by which it was opened; empty if by none

  protected:
    // would_block, or EAGAIN for who does not want to wait.
    std::int64_t wait_in(Waiters& waiters, Asker asker) const;
};

}  // namespace quarry::server
