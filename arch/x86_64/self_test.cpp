#include "arch/x86_64/self_test.hpp"

#include "arch/x86_64/instructions.hpp"
#include "arch/x86_64/panic.hpp"
#include "kernel/kernel.hpp"

#include <array>
#include <cstdint>

namespace quarry::x86 {
namespace {

constexpr std::uint64_t user_address = abi::program_base;

// A user page mapped where programs live, in a space that is active.
void map_a_user_page(PagePerms perms) {
    auto const space = the_kernel.create_root_space(16, SpaceForm{}, "self-test");
    if (!space || !page_alloc((*space)->mapped(), {UserPage::containing(UserAddr{user_address}), 1},
                              perms, FrameSize::page, IfAbsent::yes)) {
        panic("self-test: no page");
    }
    machine::activate((*space)->root());
}

void touch_user_memory() {
    map_a_user_page(PagePerms::of(abi::permission::write));
    (void)*__builtin_bit_cast(std::uint8_t volatile*, user_address);
}

void run_user_memory() {
    map_a_user_page(PagePerms::of(abi::permission::execute));
    __builtin_bit_cast(void (*)(), user_address)();
}

void run_data() {
    static constinit std::uint8_t instruction = 0xc3;  // ret
    asm volatile("call *%0" : : "r"(&instruction) : "memory");
}

void write_to_text() { *__builtin_bit_cast(std::uint8_t volatile*, &run_self_test) = 0; }

[[gnu::noinline]] std::uint64_t recurse(std::uint64_t depth) {
    std::array<std::uint64_t volatile, 32> frame{};
    frame[depth % 32] = depth;
    return depth == ~std::uint64_t{0} ? 0 : recurse(depth + 1) + frame[depth % 32];
}

void overflow_stack() { (void)recurse(0); }

void touch_null() { (void)*__builtin_bit_cast(std::uint8_t volatile*, std::uint64_t{8}); }

void hit_breakpoint() { asm volatile("int3"); }

void index_out_of_range() {
    std::array<int, 2> values{};
    std::size_t volatile index = 2;
    values[index] = 1;
}

struct SelfTest {
    std::string_view name;
    void (*run)();
};
constexpr std::array self_tests{
    SelfTest{"smap", touch_user_memory},
    SelfTest{"smep", run_user_memory},
    SelfTest{"nx", run_data},
    SelfTest{"read-only-text", write_to_text},
    SelfTest{"stack-overflow", overflow_stack},
    SelfTest{"null", touch_null},
    SelfTest{"breakpoint", hit_breakpoint},
    SelfTest{"hardening", index_out_of_range},
};

}  // namespace

void run_self_test(std::string_view name) {
    if (name.empty()) {
        return;
    }
    for (auto const& test : self_tests) {
        if (test.name == name) {
            test.run();
            panic("self-test: the fault did not come");
        }
    }
    print("Quarry: no self-test is called '{}'\n", name);
}

}  // namespace quarry::x86
