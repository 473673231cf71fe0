#include "servers/linux/pipe.hpp"

#include "servers/linux/node.hpp"
#include "servers/linux/process.hpp"

#include <algorithm>
#include <cstring>

namespace quarry::server {

std::size_t Pipe::take(std::span<std::byte> to) {
    auto const count = std::min(to.size(), used_);
    auto const first = std::min(count, capacity - begin_);
    std::memcpy(to.data(), &bytes_[begin_], first);
    std::memcpy(to.data() + first, bytes_.data(), count - first);
    begin_ = (begin_ + count) % capacity;
    used_ -= count;
    return count;
}

std::size_t Pipe::put(std::span<std::byte const> from) {
    auto const count = std::min(from.size(), room());
    auto const end = (begin_ + used_) % capacity;
    auto const first = std::min(count, capacity - end);
    std::memcpy(&bytes_[end], from.data(), first);
    std::memcpy(bytes_.data(), from.data() + first, count - first);
    used_ += count;
    return count;
}

PipeEnd::PipeEnd(Ref<Pipe> pipe, std::uint32_t status, Ref<Node> node)
    : OpenFile(status), pipe_(std::move(pipe)), node_(std::move(node)) {
    pipe_->readers += may_read() ? 1 : 0;
    pipe_->writers += may_write() ? 1 : 0;
    pipe_->opened_to_read += may_read() ? 1 : 0;
    pipe_->opened_to_write += may_write() ? 1 : 0;
    pipe_->waiters.wake_all();
}

PipeEnd::~PipeEnd() {
    pipe_->readers -= may_read() ? 1 : 0;
    pipe_->writers -= may_write() ? 1 : 0;
    pipe_->waiters.wake_all();
    if (node_ && pipe_->readers + pipe_->writers == 0) {
        node_->pipe = {};
    }
}

std::int64_t PipeEnd::read(Asker asker, std::span<std::byte> to, std::optional<std::uint64_t>) {
    if (to.empty()) {
        return 0;
    }
    auto const count = pipe_->take(to);
    if (count != 0) {
        pipe_->waiters.wake_all();
        return static_cast<std::int64_t>(count);
    }
    return pipe_->writers == 0 ? 0 : wait_in(pipe_->waiters, asker);
}

std::int64_t PipeEnd::write(Asker asker, std::span<std::byte const> from,
                            std::optional<std::uint64_t>) {
    if (from.empty()) {
        return 0;
    }
    if (pipe_->readers == 0) {
        asker.process.signal(SIGPIPE);
        return -EPIPE;
    }
    bool const whole = from.size() <= Pipe::atomic_bytes;
    if (pipe_->room() == 0 || (whole && pipe_->room() < from.size())) {
        return from.empty() ? 0 : wait_in(pipe_->waiters, asker);
    }
    auto const count = pipe_->put(from);
    pipe_->waiters.wake_all();
    return static_cast<std::int64_t>(count);
}

std::int64_t PipeEnd::ioctl(Asker, std::uint64_t command, std::uint64_t,
                            std::span<std::byte> data) {
    if (command == FIONREAD) {
        auto const used = static_cast<std::int32_t>(pipe_->used());
        std::memcpy(data.data(), &used, sizeof(used));
        return 0;
    }
    return -ENOTTY;
}

short PipeEnd::ready() const {
    short events = 0;
    if (may_read()) {
        events = static_cast<short>(events | (pipe_->used() != 0 ? POLLIN | POLLRDNORM : 0) |
                                    (pipe_->writers == 0 ? POLLHUP : 0));
    }
    if (may_write()) {
        bool const room = pipe_->room() >= Pipe::atomic_bytes;
        events = static_cast<short>(events | (room ? POLLOUT | POLLWRNORM : 0) |
                                    (pipe_->readers == 0 ? POLLERR : 0));
    }
    return events;
}

void PipeEnd::fill(struct stat& to) const {
    if (node_) {
        node_->fill(to);
        return;
    }
    to = {};
    to.st_mode = S_IFIFO | 0600;
    to.st_nlink = 1;
    to.st_blksize = abi::page_bytes;
    to.st_ino = reinterpret_cast<std::uint64_t>(pipe_.get()) >> 4;
}

}  // namespace quarry::server
