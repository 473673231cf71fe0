// The order in which the machine comes up.
#include "arch/x86_64/apic.hpp"
#include "arch/x86_64/boot_info.hpp"
#include "arch/x86_64/boot_options.hpp"
#include "arch/x86_64/console_devices.hpp"
#include "arch/x86_64/features.hpp"
#include "arch/x86_64/memory.hpp"
#include "arch/x86_64/panic.hpp"
#include "arch/x86_64/power.hpp"
#include "arch/x86_64/processor.hpp"
#include "arch/x86_64/self_test.hpp"
#include "arch/x86_64/start_processors.hpp"
#include "arch/x86_64/traps.hpp"
#include "arch/x86_64/vector_state.hpp"
#include "kernel/dispatch.hpp"
#include "kernel/kernel.hpp"
#include "kernel/loader.hpp"

namespace quarry::machine {
void start_clock();
}

extern "C" [[noreturn]] void quarry_call_on_stack(std::uint64_t stack, void (*function)());

namespace quarry::x86 {
namespace {

constinit BootInfo boot_info;

// On the guarded kernel stack, which the first entry to user mode leaves empty.
[[noreturn]] void start_programs() {
    if (!image_is_in_usable_memory(boot_info)) {
        panic("the kernel lies in memory that firmware has reserved");
    }
    hand_over_memory(boot_info, the_kernel.memory.frames);
    initialise_apic();
    start_processors(boot_info);
    enable_keys();
    BootOptions const options{boot_info.command_line()};
    run_self_test(options.self_test());
    set_tracing(options.trace());
    the_kernel.breakpoints_enter_monitor = options.monitor();
    auto const archive = boot_info.archive;
    auto const loaded = load_first_program(the_kernel,
                                           {machine::physical_bytes(archive.start, archive.bytes),
                                            PhysPage::containing(archive.start)},
                                           options.program());
    if (!loaded) {
        auto const words = options.program();
        print(
            "Quarry: cannot start '{}': {}. The boot archive ({} bytes) must hold it; with its "
            "arguments "
            "({} bytes) it may be {} bytes.\n",
            words.substr(0, words.find(' ')), loaded.error(), archive.bytes, words.size(),
            abi::max_argument_bytes);
        stop_machine(StopCode::no_program);
    }
    the_kernel.reschedule();
    __builtin_unreachable();
}

}  // namespace
}  // namespace quarry::x86

extern "C" [[noreturn]] void quarry_boot(std::uint32_t protocol, std::uint32_t information) {
    using namespace quarry;
    x86::load_interrupt_table(false);
    machine::start_clock();
    x86::initialise_serial_console();
    x86::require_features();
    processors[0] = &x86::boot_processor;
    processor_count = 1;
    x86::initialise_processor(x86::boot_processor);
    x86::initialise_vector_state();
    x86::boot_info = x86::read_boot_info(protocol, PhysAddr{information});
    x86::build_kernel_space(x86::boot_info);
    x86::prepare_own_stacks(x86::boot_processor, 0);
    x86::load_interrupt_table(true);
    x86::initialise_screen(x86::boot_info);
    quarry_call_on_stack(x86::kernel_stack_top(0), x86::start_programs);
}
