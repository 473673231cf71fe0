#include "arch/x86_64/features.hpp"

#include "arch/x86_64/instructions.hpp"
#include "arch/x86_64/power.hpp"
#include "kernel/console.hpp"

#include <array>

namespace quarry::x86 {
namespace {

struct Feature {
    std::string_view name;
    std::uint32_t leaf;
    char reg;
    unsigned bit;
};

// SDM volume 2A, CPUID.
constexpr std::array features{
    Feature{"NX", 0x8000'0001, 'd', 20}, Feature{"RDTSCP", 0x8000'0001, 'd', 27},
    Feature{"SMEP", 7, 'b', 7},          Feature{"SMAP", 7, 'b', 20},
    Feature{"UMIP", 7, 'c', 2},          Feature{"FSGSBASE", 7, 'b', 0},
    Feature{"XSAVE", 1, 'c', 26},
};

bool has(Feature const& feature) {
    auto const r = cpuid(feature.leaf);
    auto const value = feature.reg == 'b' ? r.ebx : feature.reg == 'c' ? r.ecx : r.edx;
    return (value >> feature.bit & 1) != 0;
}

constexpr std::uint64_t cr4_page_global = 1 << 7;
constexpr std::uint64_t cr4_fxsr = 1 << 9;
constexpr std::uint64_t cr4_simd_exceptions = 1 << 10;
constexpr std::uint64_t cr4_umip = 1 << 11;
constexpr std::uint64_t cr4_fsgsbase = 1 << 16;
constexpr std::uint64_t cr4_osxsave = 1 << 18;
constexpr std::uint64_t cr4_smep = 1 << 20;
constexpr std::uint64_t cr0_task_switched = 1 << 3;

}  // namespace

void require_features() {
    bool missing = false;
    for (auto const& feature : features) {
        if (!has(feature)) {
            print("Quarry needs the processor feature {}, which this machine does not have.\n",
                  feature.name);
            missing = true;
        }
    }
    if (missing) {
        print("Under QEMU, `-cpu max` has them all.\n");
        stop_machine(StopCode::missing_feature);
    }
    write_msr(msr::efer, read_msr(msr::efer) | 1 << 11);  // NXE
    write_cr4(read_cr4() | cr4_page_global | cr4_fxsr | cr4_simd_exceptions | cr4_umip |
              cr4_fsgsbase | cr4_osxsave | cr4_smep | cr4_smap);
    write_cr0(read_cr0() | cr0_task_switched);
}

bool has_gigabyte_pages() { return has({"PDPE1GB", 0x8000'0001, 'd', 26}); }

}  // namespace quarry::x86
