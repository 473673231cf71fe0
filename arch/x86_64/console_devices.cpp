#include "arch/x86_64/console_devices.hpp"

#include "arch/x86_64/screen.hpp"
#include "arch/x86_64/serial.hpp"
#include "kernel/kernel.hpp"

namespace quarry::x86 {

void initialise_serial_console() {
    console_port.initialise();
    record_port.initialise();
}

void enable_keys() { console_port.enable_receive_interrupt(); }

void receive_keys() {
    while (auto const key = console_port.read()) {
        the_kernel.key_pressed(*key);
    }
}

}  // namespace quarry::x86

namespace quarry::machine {

void console_write(std::string_view text) {
    x86::console_port.write(text);
    x86::screen_write(text);
}

}  // namespace quarry::machine
