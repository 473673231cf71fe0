// What one `new` costs: the page calls made and the frames taken, down to the tables; and that all
// of it is given back.
// console: page calls: 2
// console: frames taken: [0-9]+
#include "tests/guest/check.hpp"
#include "user/rt/malloc.hpp"

int main() {
    using namespace quarry;
    using namespace quarry::test;
    auto const frames_before = used_pages();
    auto const before = heap_statistics();
    auto* const number = new std::uint64_t{42};
    auto const after = heap_statistics();
    auto const frames_after = used_pages();
    check(*number == 42, "the block is usable");
    print("new std::uint64_t at {}\n", static_cast<void const*>(number));
    print("  page calls: {}\n", after.commits - before.commits);
    print("  pages asked for: {} (of them metadata: {})\n", after.pages_taken - before.pages_taken,
          (after.metadata_bytes - before.metadata_bytes) / abi::page_bytes);
    print("  frames taken: {} (the rest are page tables)\n", frames_after - frames_before);
    check(frames_after - frames_before >= after.pages_taken - before.pages_taken,
          "every page is charged");
    delete number;
    release_heap();
    check(used_pages() == frames_before, "everything came back");
    return 0;
}
