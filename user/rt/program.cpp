#include "user/rt/program.hpp"

#include "user/rt/call.hpp"
#include "user/rt/console.hpp"
#include "user/rt/thread_local.hpp"

#include <array>
#include <cstdlib>

using namespace quarry;

extern "C" {
extern void (*const init_array_begin[])();
extern void (*const init_array_end[])();
int main(int argument_count, char** arguments);
}

namespace quarry {
namespace {

constinit abi::Start start{};

constexpr std::size_t max_arguments = 128;
constinit std::array<char*, max_arguments + 1> argument_pointers{};

// The strings lie one after the other, each ended by NUL.
int collect_arguments() {
    auto* text = reinterpret_cast<char*>(start.arguments);
    auto* const end = text + start.argument_bytes;
    std::size_t count = 0;
    while (text < end && count < max_arguments) {
        argument_pointers[count++] = text;
        while (*text != '\0') {
            ++text;
        }
        ++text;
    }
    return static_cast<int>(count);
}

struct ExitHandler {
    void (*function)(void*);
    void* argument;
};
constexpr std::size_t max_exit_handlers = 64;
constinit std::array<ExitHandler, max_exit_handlers> exit_handlers{};
constinit std::size_t exit_handler_count = 0;

}  // namespace

Bytes boot_archive_bytes() {
    return {reinterpret_cast<std::byte const*>(start.archive), start.archive_bytes};
}
Archive boot_archive() { return Archive{boot_archive_bytes()}; }
std::optional<Bytes> find_file(std::string_view name) { return boot_archive().find(name); }

void exit_program(int status) {
    for (;;) {
        (void)env_exit(static_cast<std::uint64_t>(static_cast<unsigned>(status)));
    }
}

void fail(std::string_view why, int status) {
    print("\nprogram ended: {}\n", why);
    exit_program(status);
}

}  // namespace quarry

extern "C" {

void* __dso_handle = nullptr;

// Destructors of static objects; Itanium C++ ABI, section 3.3.6.
int __cxa_atexit(void (*function)(void*), void* argument, void*) {
    if (exit_handler_count == max_exit_handlers) {
        return -1;
    }
    exit_handlers[exit_handler_count++] = {function, argument};
    return 0;
}

int atexit(void (*function)()) {
    return __cxa_atexit([](void* f) { reinterpret_cast<void (*)()>(f)(); },
                        reinterpret_cast<void*>(function), nullptr);
}

void exit(int status) {
    destroy_thread_locals();
    while (exit_handler_count != 0) {
        auto const handler = exit_handlers[--exit_handler_count];
        handler.function(handler.argument);
    }
    exit_program(status);
}

void abort() { fail("abort"); }

// The stack lasts as long as the main thread, so its thread_local objects may lie there.
[[noreturn]] void quarry_start(abi::Start const* record) {
    auto const bytes = thread_area_bytes();
    auto* const area = static_cast<std::byte*>(__builtin_alloca_with_align(bytes, 64 * 8));
    auto const thread_pointer = make_thread_area({area, bytes});
    asm volatile("wrfsbase %0" : : "r"(thread_pointer));
    start = *record;
    for (auto const* function = init_array_begin; function != init_array_end; ++function) {
        (*function)();
    }
    auto const count = collect_arguments();
    exit(main(count, argument_pointers.data()));
}

[[noreturn]] void quarry_library_assertion(char const* message) noexcept { fail(message); }
[[noreturn]] void __cxa_pure_virtual() { fail("a pure virtual function was called"); }
std::uintptr_t __stack_chk_guard = 0x595e9fbd94fda766;
[[noreturn]] void __stack_chk_fail() { fail("a stack frame was overwritten"); }

}  // extern "C"

namespace std {
inline namespace __1 {
[[noreturn]] void __libcpp_verbose_abort(char const* format, ...) { quarry::fail(format); }
}  // namespace __1
}  // namespace std
