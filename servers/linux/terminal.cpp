#include "servers/linux/terminal.hpp"

#include "servers/linux/node.hpp"
#include "servers/linux/process.hpp"
#include "servers/linux/signals.hpp"
#include "user/rt/console.hpp"

#include <algorithm>
#include <cstring>

namespace quarry::server {
namespace {

constexpr std::size_t line_bytes = 4096;

bool is(char key, std::uint8_t wanted) {
    return wanted != 0 && static_cast<std::uint8_t>(key) == wanted;
}

template <typename T>
std::int64_t put(std::span<std::byte> data, T const& value) {
    std::memcpy(data.data(), &value, sizeof(value));
    return 0;
}
template <typename T>
T get(std::span<std::byte> data) {
    T value;
    std::memcpy(&value, data.data(), sizeof(value));
    return value;
}

}  // namespace

Terminal& the_terminal() {
    static Terminal terminal;
    return terminal;
}

Terminal::Terminal() {
    settings.c_iflag = ICRNL | IXON | IUTF8;
    settings.c_oflag = OPOST | ONLCR;
    settings.c_cflag = B38400 | CS8 | CREAD | HUPCL;
    settings.c_lflag = ISIG | ICANON | ECHO | ECHOE | ECHOK | ECHOCTL | ECHOKE | IEXTEN;
    constexpr char control = 0x1f;
    settings.c_cc[VINTR] = 'C' & control;
    settings.c_cc[VQUIT] = '\\' & control;
    settings.c_cc[VERASE] = 0x7f;
    settings.c_cc[VKILL] = 'U' & control;
    settings.c_cc[VEOF] = 'D' & control;
    settings.c_cc[VMIN] = 1;
    settings.c_cc[VSTART] = 'Q' & control;
    settings.c_cc[VSTOP] = 'S' & control;
    settings.c_cc[VSUSP] = 'Z' & control;
    settings.c_cc[VREPRINT] = 'R' & control;
    settings.c_cc[VWERASE] = 'W' & control;
    settings.c_cc[VLNEXT] = 'V' & control;
}

bool Terminal::raise(char key) {
    if ((settings.c_lflag & ISIG) == 0) {
        return false;
    }
    auto const signal = is(key, settings.c_cc[VINTR])   ? SIGINT
                        : is(key, settings.c_cc[VQUIT]) ? SIGQUIT
                        : is(key, settings.c_cc[VSUSP]) ? SIGTSTP
                                                        : 0;
    if (signal == 0) {
        return false;
    }
    echo(key);
    if ((settings.c_lflag & NOFLSH) == 0) {
        input_.clear();
        line_.clear();
    }
    signal_group(foreground, signal);
    return true;
}

void Terminal::echo(char key) const {
    if ((settings.c_lflag & ECHO) == 0) {
        return;
    }
    constexpr char first_printed = 0x20;
    bool const is_control = key >= 0 && key < first_printed && key != '\n' && key != '\t';
    if (is_control && (settings.c_lflag & ECHOCTL) != 0) {
        char const text[] = {'^', static_cast<char>(key + 0x40)};
        write_text({text, 2});
    } else {
        write_text({&key, 1});
    }
}

void Terminal::erase_one() {
    if (line_.empty()) {
        return;
    }
    while (line_.size() > 1 && (line_.back() & 0xc0) == 0x80) {
        line_.pop_back();  // the rest of a UTF-8 character
    }
    line_.pop_back();
    if ((settings.c_lflag & ECHO) != 0) {
        write_text("\b \b");
    }
}

void Terminal::edit(char key) {
    if (is(key, settings.c_cc[VERASE]) || key == '\b') {
        erase_one();
    } else if (is(key, settings.c_cc[VKILL])) {
        while (!line_.empty()) {
            erase_one();
        }
    } else if (is(key, settings.c_cc[VEOF])) {
        input_.insert(input_.end(), line_.begin(), line_.end());
        input_.push_back(end_mark);
        line_.clear();
    } else if (line_.size() < line_bytes || key == '\n') {
        echo(key);
        line_.push_back(key);
        if (key == '\n') {
            input_.insert(input_.end(), line_.begin(), line_.end());
            line_.clear();
        }
    }
}

void Terminal::type(std::string_view keys) {
    for (char key : keys) {
        if (key == '\r' && (settings.c_iflag & ICRNL) != 0) {
            key = '\n';
        } else if (key == '\n' && (settings.c_iflag & INLCR) != 0) {
            key = '\r';
        }
        if (raise(key)) {
            continue;
        }
        if (is_canonical()) {
            edit(key);
        } else {
            echo(key);
            input_.push_back(static_cast<unsigned char>(key));
        }
    }
    waiters.wake_all();
}

bool Terminal::has_input() const { return !input_.empty(); }

std::size_t Terminal::take(std::span<std::byte> to) {
    std::size_t count = 0;
    while (count < to.size() && !input_.empty()) {
        auto const key = input_.front();
        input_.pop_front();
        if (key == end_mark) {
            break;
        }
        to[count++] = static_cast<std::byte>(key);
        if (is_canonical() && key == '\n') {
            break;
        }
    }
    return count;
}

TerminalFile::TerminalFile(Ref<Node> node, std::uint32_t status)
    : OpenFile(status), node_(std::move(node)) {}
TerminalFile::~TerminalFile() = default;

std::int64_t TerminalFile::read(Asker asker, std::span<std::byte> to,
                                std::optional<std::uint64_t>) {
    auto& terminal = the_terminal();
    auto& process = asker.process;
    if (process.session == terminal.session && process.group != terminal.foreground) {
        signal_group(process.group, SIGTTIN);
        return wait_in(terminal.waiters, asker);
    }
    if (to.empty()) {
        return 0;
    }
    if (terminal.has_input()) {
        return static_cast<std::int64_t>(terminal.take(to));
    }
    bool const polls =
        (terminal.settings.c_lflag & ICANON) == 0 && terminal.settings.c_cc[VMIN] == 0;
    return polls ? 0 : wait_in(terminal.waiters, asker);
}

std::int64_t TerminalFile::write(Asker, std::span<std::byte const> from,
                                 std::optional<std::uint64_t>) {
    write_text({reinterpret_cast<char const*>(from.data()), from.size()});
    return static_cast<std::int64_t>(from.size());
}

std::int64_t TerminalFile::ioctl(Asker asker, std::uint64_t command, std::uint64_t argument,
                                 std::span<std::byte> data) {
    auto& terminal = the_terminal();
    auto& process = asker.process;
    switch (command) {
        case TCGETS:
            return put(data, terminal.settings);
        case TCSETSF:
            terminal.settings = get<struct termios>(data);
            return 0;
        case TCSETS:
        case TCSETSW:
            terminal.settings = get<struct termios>(data);
            terminal.waiters.wake_all();
            return 0;
        case TIOCGWINSZ:
            return put(data, terminal.size);
        case TIOCSWINSZ:
            terminal.size = get<Terminal::winsize>(data);
            signal_group(terminal.foreground, SIGWINCH);
            return 0;
        case TIOCGPGRP:
            return process.session == terminal.session
                       ? put(data, static_cast<std::int32_t>(terminal.foreground))
                       : -ENOTTY;
        case TIOCSPGRP: {
            auto const group = static_cast<std::uint64_t>(get<std::int32_t>(data));
            if (process.session != terminal.session) {
                return -ENOTTY;
            }
            if (!group_exists(group, process.session)) {
                return -EPERM;
            }
            terminal.foreground = group;
            terminal.waiters.wake_all();
            return 0;
        }
        case TIOCGSID:
            return put(data, static_cast<std::int32_t>(terminal.session));
        case TIOCSCTTY:
            if (process.session != process.id) {
                return -EPERM;
            }
            terminal.session = process.session;
            terminal.foreground = process.group;
            return 0;
        case TIOCNOTTY:
            return 0;
        case FIONREAD:
            return put(data, std::int32_t{terminal.has_input() ? 1 : 0});
        case TCFLSH:
        case TCSBRK:
        case TCXONC:
            (void)argument;
            return 0;
        default:
            return -ENOTTY;
    }
}

short TerminalFile::ready() const {
    auto const& terminal = the_terminal();
    bool const readable = terminal.has_input();
    return static_cast<short>(POLLOUT | POLLWRNORM | (readable ? POLLIN | POLLRDNORM : 0));
}

void TerminalFile::fill(struct stat& to) const { node_->fill(to); }

}  // namespace quarry::server
