// The console as a terminal: termios(3)'s canonical and raw modes, echo, the characters that are
// signals, and the group of processes in the foreground.
#pragma once

#include "servers/linux/open_file.hpp"

#include <deque>
#include <string>
#include <string_view>

namespace quarry::server {

class Terminal {
  public:
    Terminal();

    // Keys that came from the console.
    void type(std::string_view keys);
    std::size_t take(std::span<std::byte> to);
    bool has_input() const;

    struct termios settings{};
    struct winsize {
        std::uint16_t rows = 24, columns = 80, width = 0, height = 0;
    } size;
    std::uint64_t foreground = 0;  // group
    std::uint64_t session = 0;
    Waiters waiters;

  private:
    bool is_canonical() const { return (settings.c_lflag & ICANON) != 0; }
    bool raise(char key);
    void edit(char key);
    void echo(char key) const;
    void erase_one();

    // Where Ctrl-D was typed: a read ends there, and is empty if nothing came before it.
    static constexpr std::int16_t end_mark = -1;
    std::deque<std::int16_t> input_;  // complete lines, or all keys in raw mode
    std::string line_;                // being edited
};

Terminal& the_terminal();

class TerminalFile : public OpenFile {
  public:
    TerminalFile(Ref<Node> node, std::uint32_t status);
    ~TerminalFile() override;
    std::int64_t read(Asker asker, std::span<std::byte> to,
                      std::optional<std::uint64_t> offset) override;
    std::int64_t write(Asker asker, std::span<std::byte const> from,
                       std::optional<std::uint64_t> offset) override;
    std::int64_t ioctl(Asker asker, std::uint64_t command, std::uint64_t argument,
                       std::span<std::byte> data) override;
    short ready() const override;
    Waiters* waiters() override { return &the_terminal().waiters; }
    Node* node() const override { return node_.get(); }
    void fill(struct stat& to) const override;

  private:
    Ref<Node> node_;
};

}  // namespace quarry::server
