// A copy-on-write snapshot of a region in one's own space: taking it copies nothing, and each page is
// copied when it is first written afterwards. After Appel and Li, "Virtual memory primitives for user
// programs" (1991).
#include "tests/guest/check.hpp"
#include "user/rt/fault.hpp"

#include <cstring>

using namespace quarry;
using namespace quarry::test;

namespace {

constexpr std::uint64_t pages = 64;
constexpr std::uint64_t region = free_area;
constexpr std::uint64_t snapshot = free_area + (1u << 30);
constexpr std::uint64_t spare = free_area + (1u << 29);
int copies = 0;

std::uint64_t volatile& word_of(std::uint64_t base, std::uint64_t page) {
    return *reinterpret_cast<std::uint64_t volatile*>(base + page * abi::page_bytes);
}

Result<void> take_snapshot() {
    TRY(page_map(own_space, {region, pages}, own_space, {snapshot}, abi::permission::read));
    return page_protect(own_space, {region, pages},
                        abi::permission::read | abi::permission::may_write);
}

AfterFault copy_page(ProgramFault& fault) {
    auto const page = fault.page();
    if (!fault.is_page_fault() || !fault.is_write() || page < region ||
        page >= region + pages * abi::page_bytes ||
        !page_alloc(own_space, {spare, 1}, abi::permission::write)) {
        return AfterFault::give_up;
    }
    std::memcpy(reinterpret_cast<void*>(spare), reinterpret_cast<void const*>(page),
                abi::page_bytes);
    ++copies;
    return page_move(own_space, {spare, 1}, own_space, {page}, abi::permission::write)
               ? AfterFault::resume
               : AfterFault::give_up;
}

}  // namespace

int main() {
    set_fault_handler(copy_page);
    check(page_alloc(own_space, {region, pages}, abi::permission::write).has_value(), "a region");
    for (std::uint64_t i = 0; i < pages; ++i) {
        word_of(region, i) = i;
    }
    auto const before = used_pages();
    check(take_snapshot().has_value(), "a snapshot");
    check(used_pages() - before <= 4, "it costs tables only");
    for (std::uint64_t i = 0; i < pages; i += 2) {
        word_of(region, i) = 1000 + i;
        word_of(region, i) = 2000 + i;
    }
    check(copies == pages / 2, "one copy for each page that was written");
    for (std::uint64_t i = 0; i < pages; ++i) {
        check(word_of(snapshot, i) == i, "the snapshot is as it was");
        check(word_of(region, i) == (i % 2 == 0 ? 2000 + i : i), "the region goes on");
    }
    return 0;
}
