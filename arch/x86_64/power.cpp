#include "arch/x86_64/power.hpp"

#include "arch/x86_64/instructions.hpp"
#include "arch/x86_64/serial.hpp"
#include "base/format.hpp"
#include "kernel/console.hpp"
#include "kernel/environment.hpp"

namespace quarry::x86 {

void stop_machine(StopCode code) {
    console_port.flush();
    record_port.flush();
    constexpr std::uint16_t debug_exit_port = 0xf4;
    out32(debug_exit_port, static_cast<std::uint32_t>(code));
    halt_for_ever();
}

namespace {

template <typename... Args>
void record(FormatString<std::type_identity_t<Args>...> format, Args const&... args) {
    auto write = [](std::string_view text) { record_port.write(text); };
    format_to(write, format, args...);
}

}  // namespace
}  // namespace quarry::x86

namespace quarry::machine {

void power_off(abi::EnvStatus how) {
    switch (how.cause) {
        case abi::EndCause::exited:
            x86::record("exit {}\n", how.exit_status);
            break;
        case abi::EndCause::fault:
            x86::record("fault {} {:x} {:x}\n", how.fault_vector, how.fault_address, how.fault_rip);
            break;
        default:
            x86::record("destroyed\n");
    }
    x86::stop_machine(x86::StopCode::powered_off);
}

void power_off_idle() {
    print("\nQuarry: every environment is stopped and no key can wake one; powering off.\n");
    x86::stop_machine(x86::StopCode::nothing_to_run);
}

}  // namespace quarry::machine
