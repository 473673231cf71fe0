#include "arch/x86_64/vector_state.hpp"

#include "arch/x86_64/instructions.hpp"
#include "arch/x86_64/traps.hpp"
#include "kernel/kernel.hpp"

namespace quarry::x86 {
namespace {

constexpr std::uint64_t cr0_task_switched = 1 << 3;
constexpr std::uint64_t x87 = 1;
constexpr std::uint64_t sse = 2;
constexpr std::uint64_t avx = 4;
constexpr std::uint64_t avx512 = 7 << 5;

constinit std::uint64_t components = x87 | sse;

void write_xcr0(std::uint64_t value) {
    asm volatile("xsetbv"
                 :
                 : "c"(0), "a"(static_cast<std::uint32_t>(value)),
                   "d"(static_cast<std::uint32_t>(value >> 32)));
}

// Changing CR0 is dear; most switches are between environments without vector state.
void forbid() {
    auto& permitted = machine::this_processor()->machine.vectors_permitted;
    if (permitted) {
        permitted = false;
        write_cr0(read_cr0() | cr0_task_switched);
    }
}
void permit() {
    machine::this_processor()->machine.vectors_permitted = true;
    asm volatile("clts");
}

}  // namespace

void initialise_vector_state() {
    auto const supported = cpuid(0xd, 0);
    for (auto const part : {avx, avx512}) {
        auto const wanted = components | part;
        if ((supported.eax & part) == part) {
            write_xcr0(wanted);
            if (cpuid(0xd, 0).ebx <= page_bytes) {  // bytes for what XCR0 enables
                components = wanted;
            }
        }
    }
    write_xcr0(components);
    write_cr0(read_cr0() | cr0_task_switched);
}

void give_vector_state(Environment& environment) {
    auto& memory = the_kernel.memory;
    auto const account = environment.space().account();
    auto const frame = memory.accounts.charge(account, 1) ? memory.allocate_page()
                                                          : Result<PhysPage>{Error::out_of_account};
    if (!frame) {
        if (frame.error() == Error::out_of_frames) {
            memory.accounts.uncharge(account, 1);
        }
        the_kernel.end_by_fault({.vector = vector_no_device,
                                 .address = 0,
                                 .name = "no memory for vector registers",
                                 .detail = abi::name_of(frame.error())});
        return;
    }
    memory.meta(*frame).reset(FrameKind::object, FrameCounts{0});
    // An area of zeros restores every component's initial state (SDM volume 1, section 13.6), but
    // MXCSR, which lies in the legacy part, is loaded as it stands.
    machine::zero_frames(*frame, 1);
    constexpr std::size_t mxcsr_offset = 24;
    constexpr std::uint32_t mxcsr_initial = 0x1f80;
    constexpr std::uint16_t x87_control_initial = 0x37f;
    auto const area = machine::frame_bytes(*frame);
    __builtin_memcpy(&area[mxcsr_offset], &mxcsr_initial, sizeof(mxcsr_initial));
    __builtin_memcpy(&area[0], &x87_control_initial, sizeof(x87_control_initial));
    environment.saved.vector_area = area.data();
    environment.detours.fetch_or(Environment::Detour::vectors);
    restore_vector_state(environment);
}

void save_vector_state(Environment& environment) {
    if (environment.saved.vector_area != nullptr) {
        asm volatile("xsave64 (%0)"
                     :
                     : "r"(environment.saved.vector_area), "a"(~0u), "d"(~0u)
                     : "memory");
    }
}

void restore_vector_state(Environment& environment) {
    if (environment.saved.vector_area == nullptr) {
        forbid();
        return;
    }
    permit();
    asm volatile("xrstor64 (%0)"
                 :
                 : "r"(environment.saved.vector_area), "a"(~0u), "d"(~0u)
                 : "memory");
}

}  // namespace quarry::x86

namespace quarry::machine {

void release_vector_area(Environment& environment) {
    if (environment.saved.vector_area == nullptr) {
        return;
    }
    auto const address = __builtin_bit_cast(std::uint64_t, environment.saved.vector_area);
    environment.saved.vector_area = nullptr;
    the_kernel.memory.free_page(PhysPage::containing(PhysAddr{address - DIRECT_MAP_BASE}));
    the_kernel.memory.accounts.uncharge(environment.space().account(), 1);
}

}  // namespace quarry::machine
