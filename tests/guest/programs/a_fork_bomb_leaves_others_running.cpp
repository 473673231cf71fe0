// A program that forks itself without end, in an account of its own, runs into its limit; another one
// meanwhile does its work, and all comes back when the bomb's space is destroyed.
#include "tests/guest/check.hpp"
#include "user/rt/fork.hpp"
#include "user/rt/spawn.hpp"

#include <string_view>

using namespace quarry;
using namespace quarry::test;

namespace {

[[noreturn]] void fork_for_ever() {
    for (;;) {
        auto child = fork();
        if (child && *child) {
            // Left to run: its space passes on with this one's end.
            new (std::nothrow) std::optional<Child>(std::move(*child));
        }
    }
}

std::uint64_t work() {
    std::uint64_t sum = 0;
    for (std::uint64_t i = 0; i < 10; ++i) {
        check(page_alloc(own_space, {free_area, 8}, abi::permission::write).has_value(), "pages");
        *reinterpret_cast<std::uint64_t volatile*>(free_area) = i;
        sum += *reinterpret_cast<std::uint64_t volatile*>(free_area);
        check(page_unmap(own_space, {free_area, 8}).has_value(), "back");
        (void)yield();
    }
    return sum;
}

// The spaces that passed to this one when their creator ended.
void destroy_children() {
    for (abi::SpaceId last{}; auto const child = space_next_child(last);) {
        for (auto done = space_destroy_step(*child); done == Result<void>{Error::again};) {
            done = space_destroy_step(*child);
        }
        last = *child;
    }
}

}  // namespace

int main(int count, char** arguments) {
    if (count > 1 && std::string_view(arguments[1]) == "bomb") {
        fork_for_ever();
    }
    auto const before = used_pages();
    // Each of its programs maps the archive, at its own cost.
    auto const account_pages = 5 * (boot_archive_bytes().size() / abi::page_bytes + 200);
    {
        auto bomb = spawn("a_fork_bomb_leaves_others_running", "bomb", account_pages);
        check(bomb.has_value(), "the bomb");
        check(work() == 9 * 10 / 2, "others work");
        abi::AccountStatus account{};
        check(account_status(bomb->space(), {&account}) && account.used_pages <= account_pages,
              "it has no more than its account");
        bomb->destroy();
    }
    while (space_next_child({})) {  // each one's children pass here in turn
        destroy_children();
    }
    check(used_pages() == before, "everything came back");
    return 0;
}
