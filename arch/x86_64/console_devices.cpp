#include "arch/x86_64/console_devices.hpp"

#include "arch/x86_64/screen.hpp"
#include "arch/x86_64/serial.hpp"
#include "kernel/kernel.hpp"
#include "kernel/monitor/monitor.hpp"

namespace quarry::x86 {

void initialise_serial_console() {
    console_port.initialise();
    record_port.initialise();
}

void enable_keys() { console_port.enable_receive_interrupt(); }

void receive_keys() {
    auto const* const current = this_processor().current;
    if (current != nullptr && current->stepping) {
        return;  // the monitor's, which is about to ask for them
    }
    while (auto const key = console_port.read()) {
        if (*key == monitor_key) {
            run_monitor(the_kernel, this_processor().current, "Ctrl-]");
        } else {
            the_kernel.key_pressed(*key);
        }
    }
}

}  // namespace quarry::x86

namespace quarry::machine {

// One piece of text at a time. A processor that fails while it prints must still say so, and so
// must the others: who waits long prints all the same.
void console_write(std::string_view text) {
    static constinit SpinLock output{Rank::output};
    constexpr int patience = 1'000'000;
    auto lock = HeldLock::try_take(output);
    for (int i = 0; !lock && i < patience; ++i) {
        spin_pause();
        lock = HeldLock::try_take(output);
    }
    x86::console_port.write(text);
    x86::screen_write(text);
}

std::optional<char> wait_for_key() {
    for (;;) {
        if (auto const key = x86::console_port.read()) {
            return key;
        }
        spin_pause();
    }
}

// Beside the records of how programs ended, marked so that the two can be told apart.
void trace_write(std::string_view text) { x86::record_port.write(text); }

}  // namespace quarry::machine
