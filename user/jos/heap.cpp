// malloc of JOS programs: Quarry's slab heap on JOS pages.
#include "heap/heap.hpp"
#include "user/rt/call.hpp"

#include <algorithm>

namespace quarry::jos {
namespace {

constexpr std::uint64_t heap_base = 0x10'0000'0000;
constexpr auto permissions = abi::permission::write | abi::permission::may_execute;

struct Source {
    static constexpr std::size_t window_bytes = std::size_t{256} << 30;

    std::byte* reserve(std::size_t) { return reinterpret_cast<std::byte*>(heap_base); }
    slab::Committed commit(std::byte* at, std::size_t bytes) {
        for (std::size_t done = 0; done < bytes;) {
            auto const range = part(at + done, bytes - done);
            if (!page_alloc(own_space, range, permissions)) {
                decommit(at, bytes);
                return slab::Committed::failed;
            }
            done += range.pages * abi::page_bytes;
        }
        return slab::Committed::zeroed;
    }
    void decommit(std::byte* at, std::size_t bytes) {
        for (std::size_t done = 0; done < bytes;) {
            auto const range = part(at + done, bytes - done);
            (void)page_unmap(own_space, range);
            done += range.pages * abi::page_bytes;
        }
    }
    void release(std::byte*, std::size_t) {}
    void fail(char const*, void const*, std::size_t) { __builtin_trap(); }

  private:
    static abi::PageRange part(std::byte const* at, std::size_t bytes) {
        auto const most = abi::max_range_pages * abi::page_bytes;
        return {reinterpret_cast<std::uint64_t>(at), std::min(bytes, most) / abi::page_bytes};
    }
};

constinit slab::Heap<Source> heap;

}  // namespace
}  // namespace quarry::jos

extern "C" {
void* malloc(std::size_t bytes) { return quarry::jos::heap.allocate(bytes); }
void* calloc(std::size_t count, std::size_t bytes) {
    return quarry::jos::heap.allocate_zeroed(count, bytes);
}
void* realloc(void* block, std::size_t bytes) { return quarry::jos::heap.reallocate(block, bytes); }
void free(void* block) { quarry::jos::heap.free(block); }
[[noreturn]] void quarry_library_assertion(char const*) noexcept { __builtin_trap(); }
}
namespace std {
inline namespace __1 {
[[noreturn]] void __libcpp_verbose_abort(char const*, ...) { __builtin_trap(); }
}  // namespace __1
}  // namespace std
