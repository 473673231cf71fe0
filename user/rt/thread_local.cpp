#include "user/rt/thread_local.hpp"

#include <algorithm>
#include <cstring>
#include <new>
#include <utility>

extern "C" {
// The linker script's; the last three are sizes and places as addresses of symbols.
extern std::byte const tls_image_begin[];
extern std::byte const tls_image_bytes[];
extern std::byte const tls_zero_begin[];
extern std::byte const tls_zero_bytes[];
}

namespace quarry {
namespace {

constexpr std::size_t alignment = 64;  // of the area; of one object at most this

std::size_t number(std::byte const* symbol) { return reinterpret_cast<std::size_t>(symbol); }

// From the first initialised byte to the end of the zeros.
std::size_t image_span() {
    auto const zero_offset = number(tls_zero_bytes) == 0
                                 ? number(tls_image_bytes)
                                 : number(tls_zero_begin) - number(tls_image_begin);
    return zero_offset + number(tls_zero_bytes);
}
std::size_t rounded(std::size_t bytes) { return (bytes + alignment - 1) & ~(alignment - 1); }

struct Destructor {
    void (*function)(void*);
    void* object;
    Destructor* before;
};
thread_local Destructor* destructors = nullptr;

}  // namespace

std::size_t thread_area_bytes() { return rounded(image_span()) + alignment; }

std::uint64_t make_thread_area(std::span<std::byte> area) {
    std::ranges::fill(area, std::byte{0});
    auto* const pointer = area.data() + rounded(image_span());
    // The segment is aligned to 64 (program.ld), so the linker's offsets count from there.
    std::memcpy(pointer - rounded(image_span()), tls_image_begin, number(tls_image_bytes));
    auto const address = reinterpret_cast<std::uint64_t>(pointer);
    std::memcpy(pointer, &address, sizeof(address));
    return address;
}

void destroy_thread_locals() {
    while (auto* const last = destructors) {
        destructors = last->before;
        last->function(last->object);
        delete last;
    }
}

}  // namespace quarry

// What compilers call for a `thread_local` object with a destructor.
extern "C" int __cxa_thread_atexit(void (*function)(void*), void* object, void*) {
    using quarry::destructors;
    auto* const entry = new (std::nothrow) quarry::Destructor{function, object, destructors};
    if (entry == nullptr) {
        return -1;
    }
    destructors = entry;
    return 0;
}
