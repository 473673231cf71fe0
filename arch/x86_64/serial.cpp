#include "arch/x86_64/serial.hpp"

#include "arch/x86_64/instructions.hpp"

namespace quarry::x86 {

constinit SerialPort console_port{0x3f8};
constinit SerialPort record_port{0x2f8};

namespace {
// Registers, by offset from the base.
constexpr std::uint16_t data = 0;
constexpr std::uint16_t interrupt_enable = 1;
constexpr std::uint16_t fifo_control = 2;
constexpr std::uint16_t line_control = 3;
constexpr std::uint16_t modem_control = 4;
constexpr std::uint16_t line_status = 5;
constexpr std::uint16_t scratch = 7;

constexpr std::uint8_t received = 1;
constexpr std::uint8_t can_transmit = 1 << 5;
constexpr std::uint8_t all_sent = 1 << 6;
}  // namespace

bool SerialPort::initialise() {
    out8(base_ + scratch, 0x5a);
    present_ = in8(base_ + scratch) == 0x5a;
    if (present_) {
        out8(base_ + interrupt_enable, 0);
        out8(base_ + line_control, 0x80);  // divisor 1: 115,200 baud
        out8(base_ + data, 1);
        out8(base_ + interrupt_enable, 0);
        out8(base_ + line_control, 3);  // 8 bits, no parity, 1 stop bit
        // To begin with queues empties what is there: a key that was quicker than the kernel is worth more than they.
        if ((in8(base_ + line_status) & received) == 0) {
            out8(base_ + fifo_control, 0xc7);
        }
        out8(base_ + modem_control, 0xb);  // OUT2 lets its interrupt through
    }
    return present_;
}

void SerialPort::write(std::string_view text) {
    if (!present_) {
        return;
    }
    for (char const c : text) {
        if (c == '\n') {
            while ((in8(base_ + line_status) & can_transmit) == 0) {
            }
            out8(base_ + data, '\r');
        }
        while ((in8(base_ + line_status) & can_transmit) == 0) {
        }
        out8(base_ + data, static_cast<std::uint8_t>(c));
    }
}

void SerialPort::flush() {
    while (present_ && (in8(base_ + line_status) & all_sent) == 0) {
    }
}

std::optional<char> SerialPort::read() {
    if (!present_ || (in8(base_ + line_status) & received) == 0) {
        return std::nullopt;
    }
    return static_cast<char>(in8(base_ + data));
}

void SerialPort::enable_receive_interrupt() {
    if (present_) {
        out8(base_ + interrupt_enable, 1);
    }
}

}  // namespace quarry::x86
