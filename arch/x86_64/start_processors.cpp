#include "arch/x86_64/start_processors.hpp"

#include "arch/x86_64/acpi.hpp"
#include "arch/x86_64/apic.hpp"
#include "arch/x86_64/features.hpp"
#include "arch/x86_64/memory.hpp"
#include "arch/x86_64/processor.hpp"
#include "arch/x86_64/traps.hpp"
#include "arch/x86_64/vector_state.hpp"
#include "kernel/console.hpp"
#include "kernel/kernel.hpp"

#include <algorithm>
#include <memory>

extern "C" {
extern std::byte const quarry_trampoline[];
extern std::byte const quarry_trampoline_words[];
extern std::byte const quarry_trampoline_end[];
[[noreturn]] void quarry_call_on_stack(std::uint64_t stack, void (*function)());
}

namespace quarry::x86 {
namespace {

struct TrampolineWords {
    std::uint64_t root;
    std::uint64_t stack;
    Processor* processor;
    void (*function)(Processor*);
};

[[noreturn]] void take_work() {
    the_kernel.reschedule();
    __builtin_unreachable();
}

// The first C++ of another processor, on its own stack.
void begin(Processor* processor) {
    activate_kernel_tables();
    load_interrupt_table(true);
    require_features();
    initialise_processor(*processor);
    initialise_vector_state();
    initialise_local_apic();
    auto const index = processor->index;
    processors[index] = processor;
    processor_count.store(index + 1, std::memory_order_release);
    quarry_call_on_stack(processor->machine.stack, take_work);
}

// Its stacks, its Processor. Null if there is no memory.
Processor* make_processor(unsigned index) {
    auto const frame = the_kernel.memory.allocate_page();
    if (!frame || !map_processor_stacks(index)) {
        return nullptr;
    }
    static_assert(sizeof(Processor) <= page_bytes);
    the_kernel.memory.meta(*frame).reset(FrameKind::object, FrameCounts{0});
    auto* const processor = std::construct_at(machine::object_at<Processor>(*frame));
    processor->index = index;
    processor->bit = std::uint64_t{1} << index;
    prepare_own_stacks(*processor, index);
    return processor;
}

void wait_nanoseconds(std::uint64_t nanoseconds) {
    auto const end = machine::clock_nanoseconds() + nanoseconds;
    while (machine::clock_nanoseconds() < end) {
        asm volatile("pause");
    }
}

bool comes_up(std::uint32_t apic_id, unsigned index) {
    constexpr auto code = PhysPage::containing(PhysAddr{TRAMPOLINE});
    constexpr std::uint64_t after_init = 100'000;  // what old processors need; new ones none
    constexpr std::uint64_t step = 10'000;
    send_init(apic_id);
    wait_nanoseconds(after_init);
    for (int attempt = 0; attempt < 2; ++attempt) {
        send_startup(apic_id, code);
        for (int waited = 0; waited < 1000; ++waited) {
            if (processor_count.load(std::memory_order_acquire) > index) {
                return true;
            }
            wait_nanoseconds(step);
        }
    }
    return false;
}

}  // namespace

void prepare_own_stacks(Processor& processor, std::size_t index) {
    processor.machine.stack = kernel_stack_top(index);
    for (unsigned ist = 1; ist <= 4; ++ist) {
        // The topmost word says whose stack it is; ist_entry reads it.
        auto const top = ist_stack_top(index, ist) - 16;
        *__builtin_bit_cast(std::uint64_t*, top) = __builtin_bit_cast(std::uint64_t, &processor);
        processor.machine.task_state.ist[ist - 1] = top;
    }
}

void start_processors(BootInfo const& info) {
    auto const list = find_processors(info);
    if (list.count < 2) {
        return;
    }
    auto const self = this_processor().machine.apic_id;
    std::span const code(quarry_trampoline, quarry_trampoline_end);
    auto const target = machine::physical_bytes(PhysAddr{TRAMPOLINE}, code.size());
    std::ranges::copy(code, target.begin());
    auto& words = *machine::object_at<TrampolineWords>(PhysAddr{
        TRAMPOLINE + static_cast<std::uint64_t>(quarry_trampoline_words - quarry_trampoline)});
    auto const root = PhysPage::containing(PhysAddr{TRAMPOLINE}).plus(1);
    make_start_tables(root);
    words.root = root.start().raw();
    words.function = &begin;
    for (auto const apic_id : list.ids()) {
        auto const index = processor_count.load();
        if (apic_id == self || index == max_processors) {
            continue;
        }
        auto* const processor = make_processor(index);
        if (processor == nullptr) {
            print("Quarry: no memory for processor {}\n", apic_id);
            return;
        }
        words.processor = processor;
        words.stack = processor->machine.stack;
        if (!comes_up(apic_id, index)) {
            print("Quarry: processor {} does not start; going on without it\n", apic_id);
            return;
        }
    }
}

}  // namespace quarry::x86
