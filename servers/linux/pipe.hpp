// Pipes and fifos: a buffer between ends.
#pragma once

#include "servers/linux/open_file.hpp"

#include <array>
#include <cstddef>

namespace quarry::server {

class Pipe : public Counted {
  public:
    static constexpr std::size_t capacity = 65536;
    static constexpr std::size_t atomic_bytes = 4096;  // PIPE_BUF

    std::size_t used() const { return used_; }
    std::size_t room() const { return capacity - used_; }
    std::size_t take(std::span<std::byte> to);
    std::size_t put(std::span<std::byte const> from);

    std::size_t readers = 0;
    std::size_t writers = 0;
    std::uint64_t opened_to_read = 0;  // ever: who opens a fifo waits for one more at the other end
    std::uint64_t opened_to_write = 0;
    Waiters waiters;

  private:
    std::array<std::byte, capacity> bytes_;
    std::size_t begin_ = 0;
    std::size_t used_ = 0;
};

class PipeEnd : public OpenFile {
  public:
    PipeEnd(Ref<Pipe> pipe, std::uint32_t status, Ref<Node> node = {});
    ~PipeEnd() override;

    std::int64_t read(Asker asker, std::span<std::byte> to,
                      std::optional<std::uint64_t> offset) override;
    std::int64_t write(Asker asker, std::span<std::byte const> from,
                       std::optional<std::uint64_t> offset) override;
    std::int64_t ioctl(Asker asker, std::uint64_t command, std::uint64_t argument,
                       std::span<std::byte> data) override;
    short ready() const override;
    Waiters* waiters() override { return &pipe_->waiters; }
    bool is_pipe() const override { return true; }
    Node* node() const override { return node_.get(); }
    void fill(struct stat& to) const override;

  private:
    Ref<Pipe> pipe_;
    Ref<Node> node_;
};

}  // namespace quarry::server
