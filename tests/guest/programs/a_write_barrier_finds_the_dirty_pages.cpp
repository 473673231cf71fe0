// What a generational collector does: protect the old objects, note the page at the first write, let
// it through. The second pass looks only at the pages that were noted.
#include "tests/guest/check.hpp"
#include "user/rt/fault.hpp"

#include <bitset>

using namespace quarry;
using namespace quarry::test;

namespace {

constexpr std::uint64_t pages = 256;
constexpr abi::PageRange old_objects{free_area, pages};
constinit std::bitset<pages> dirty;
int faults = 0;

AfterFault note_page(ProgramFault& fault) {
    ++faults;
    auto const index = (fault.page() - old_objects.address) / abi::page_bytes;
    if (!fault.is_page_fault() || !fault.is_write() || index >= pages) {
        return AfterFault::give_up;
    }
    dirty.set(index);
    return page_protect(own_space, {fault.page(), 1}, abi::permission::write) ? AfterFault::resume
                                                                              : AfterFault::give_up;
}

Result<void> begin_cycle() {
    dirty.reset();
    return page_protect(own_space, old_objects, abi::permission::read | abi::permission::may_write);
}

}  // namespace

int main() {
    set_fault_handler(note_page);
    check(page_alloc(own_space, old_objects, abi::permission::write).has_value(),
          "the old objects");
    auto* const words = reinterpret_cast<std::uint64_t volatile*>(old_objects.address);
    constexpr std::uint64_t words_a_page = abi::page_bytes / 8;
    for (int cycle = 0; cycle < 3; ++cycle) {
        faults = 0;
        check(begin_cycle().has_value(), "protect");
        for (std::uint64_t i = 0; i < 10'000; ++i) {
            words[i * 7919 % (pages / 4 * words_a_page)] = i;  // only in the first quarter
        }
        check(words[(pages - 1) * words_a_page] == 0, "reading needs no barrier");
        check(faults == pages / 4 && dirty.count() == pages / 4, "one fault a page, in each cycle");
    }
    return 0;
}
