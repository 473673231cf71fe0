#include "tests/host/write_recorder.hpp"

#include "kernel/processor.hpp"

#include <cstddef>
#include <cstring>

namespace quarry::test {
namespace {
WriteRecorder* recorder = nullptr;
}

WriteRecorder::WriteRecorder() { recorder = this; }
WriteRecorder::~WriteRecorder() { recorder = nullptr; }

void WriteRecorder::note(void const* address, std::uint64_t bytes) {
    // The stack is each processor's own; here all share one.
    auto const at = reinterpret_cast<std::uint64_t>(address);
    auto const here = reinterpret_cast<std::uint64_t>(__builtin_frame_address(0));
    constexpr std::uint64_t stack_reach = 1u << 20;
    if (at - (here - stack_reach) < 2 * stack_reach) {
        return;
    }
    for (auto line = at / cache_line_bytes; line <= (at + bytes - 1) / cache_line_bytes; ++line) {
        lines_[line * cache_line_bytes] |= processor_bit();
    }
}

namespace {
void note(void const* address, std::uint64_t bytes) {
    if (recorder != nullptr && bytes != 0) {
        auto* const active = recorder;
        recorder = nullptr;  // noting is no write of the kernel's
        active->note(address, bytes);
        recorder = active;
    }
}
}  // namespace
}  // namespace quarry::test

using quarry::test::note;

// The interface of compiler-rt's tsan_interface.h and tsan_interface_atomic.h, as far as it is called.
extern "C" {

void __tsan_init() {}
void __tsan_func_entry(void*) {}
void __tsan_func_exit() {}
void __tsan_vptr_update(void**, void*) {}
void __tsan_vptr_read(void**) {}
void __tsan_ignore_thread_begin() {}
void __tsan_ignore_thread_end() {}

#define QUARRY_ACCESS(bytes)                                          \
    void __tsan_read##bytes(void*) {}                                 \
    void __tsan_unaligned_read##bytes(void*) {}                       \
    void __tsan_write##bytes(void* at) { note(at, bytes); }           \
    void __tsan_unaligned_write##bytes(void* at) { note(at, bytes); } \
    void __tsan_read_write##bytes(void* at) { note(at, bytes); }      \
    void __tsan_unaligned_read_write##bytes(void* at) { note(at, bytes); }
QUARRY_ACCESS(1)
QUARRY_ACCESS(2)
QUARRY_ACCESS(4)
QUARRY_ACCESS(8)
QUARRY_ACCESS(16)

void __tsan_read_range(void*, std::size_t) {}
void __tsan_write_range(void* at, std::size_t bytes) { note(at, bytes); }
void* __tsan_memcpy(void* to, void const* from, std::size_t bytes) {
    note(to, bytes);
    return std::memcpy(to, from, bytes);
}
void* __tsan_memmove(void* to, void const* from, std::size_t bytes) {
    note(to, bytes);
    return std::memmove(to, from, bytes);
}
void* __tsan_memset(void* to, int value, std::size_t bytes) {
    note(to, bytes);
    return std::memset(to, value, bytes);
}

void __tsan_atomic_thread_fence(int) { __atomic_thread_fence(__ATOMIC_SEQ_CST); }
void __tsan_atomic_signal_fence(int) {}

#define QUARRY_FETCH(bits, operation)                                                             \
    std::uint##bits##_t __tsan_atomic##bits##_fetch_##operation(std::uint##bits##_t volatile* at, \
                                                                std::uint##bits##_t value, int) { \
        note(const_cast<std::uint##bits##_t*>(at), bits / 8);                                     \
        return __atomic_fetch_##operation(at, value, __ATOMIC_SEQ_CST);                           \
    }
// A compare-and-exchange takes the line for writing even if it fails.
#define QUARRY_COMPARE(bits, form)                                                           \
    int __tsan_atomic##bits##_compare_exchange_##form(std::uint##bits##_t volatile* at,      \
                                                      std::uint##bits##_t* expected,         \
                                                      std::uint##bits##_t value, int, int) { \
        note(const_cast<std::uint##bits##_t*>(at), bits / 8);                                \
        return __atomic_compare_exchange_n(at, expected, value, false, __ATOMIC_SEQ_CST,     \
                                           __ATOMIC_SEQ_CST);                                \
    }
#define QUARRY_ATOMIC(bits)                                                                        \
    std::uint##bits##_t __tsan_atomic##bits##_load(std::uint##bits##_t const volatile* at, int) {  \
        return __atomic_load_n(at, __ATOMIC_SEQ_CST);                                              \
    }                                                                                              \
    void __tsan_atomic##bits##_store(std::uint##bits##_t volatile* at, std::uint##bits##_t value,  \
                                     int) {                                                        \
        note(const_cast<std::uint##bits##_t*>(at), bits / 8);                                      \
        __atomic_store_n(at, value, __ATOMIC_SEQ_CST);                                             \
    }                                                                                              \
    std::uint##bits##_t __tsan_atomic##bits##_exchange(std::uint##bits##_t volatile* at,           \
                                                       std::uint##bits##_t value, int) {           \
        note(const_cast<std::uint##bits##_t*>(at), bits / 8);                                      \
        return __atomic_exchange_n(at, value, __ATOMIC_SEQ_CST);                                   \
    }                                                                                              \
    QUARRY_FETCH(bits, add)                                                                        \
    QUARRY_FETCH(bits, sub)                                                                        \
    QUARRY_FETCH(bits, and)                                                                        \
    QUARRY_FETCH(bits, or)                                                                         \
    QUARRY_FETCH(bits, xor)                                                                        \
    QUARRY_FETCH(bits, nand)                                                                       \
    QUARRY_COMPARE(bits, strong)                                                                   \
    QUARRY_COMPARE(bits, weak)                                                                     \
    std::uint##bits##_t __tsan_atomic##bits##_compare_exchange_val(                                \
        std::uint##bits##_t volatile* at, std::uint##bits##_t expected, std::uint##bits##_t value, \
        int, int) {                                                                                \
        __tsan_atomic##bits##_compare_exchange_strong(at, &expected, value, 0, 0);                 \
        return expected;                                                                           \
    }
QUARRY_ATOMIC(8)
QUARRY_ATOMIC(16)
QUARRY_ATOMIC(32)
QUARRY_ATOMIC(64)

}  // extern "C"
