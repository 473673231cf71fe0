// A space may be acted on by its creator alone; destroying it gives everything back.
#include "tests/guest/check.hpp"

int main() {
    using namespace quarry;
    using namespace quarry::test;
    auto const before = used_pages();
    auto const child = space_create(0, abi::space_option::none, {"child", 5});
    check(child.has_value(), "space_create");
    check(page_alloc(*child, {free_area, 100}, abi::permission::write).has_value(),
          "pages in the child");
    check(page_map(*child, {free_area, 1}, own_space, {free_area}, abi::permission::write)
              .has_value(),
          "map one of them here");
    auto& number = *reinterpret_cast<int volatile*>(free_area);
    number = 9;
    check_error(space_destroy_step(own_space), Error::not_allowed, "destroying oneself");
    constexpr abi::SpaceId first_space{1 << 16};
    check_error(page_unmap(first_space, {free_area, 1}), Error::not_allowed,
                "the space of the creator");
    for (auto done = space_destroy_step(*child); !done; done = space_destroy_step(*child)) {
        check(done.error() == Error::again, "destroy");
    }
    check_error(page_unmap(*child, {free_area, 1}), Error::not_found, "a dead space");
    check(number == 9, "the shared page lives on");
    check(page_unmap(own_space, {free_area, 1}).has_value(), "unmap");
    check(used_pages() == before, "everything came back");
    return 0;
}
