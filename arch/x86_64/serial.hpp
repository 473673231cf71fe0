// A 16550 serial port (National Semiconductor's data sheet, PC16550D).
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace quarry::x86 {

class SerialPort {
  public:
    constexpr explicit SerialPort(std::uint16_t base) : base_(base) {}

    // False if there is no such port.
    bool initialise();
    void write(std::string_view text);
    void flush();
    std::optional<char> read();
    void enable_receive_interrupt();

  private:
    std::uint16_t base_;
    bool present_ = false;
};

extern constinit SerialPort console_port;  // COM1
extern constinit SerialPort
    record_port;  // COM2: machine-readable records, none of a program's text

}  // namespace quarry::x86
