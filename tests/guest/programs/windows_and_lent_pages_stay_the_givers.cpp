// Another space maps pages in a window of this one, and lends one; both only as long as the giver wants.
#include "tests/guest/check.hpp"
#include "user/rt/fork.hpp"

using namespace quarry;
using namespace quarry::test;

namespace {

constexpr std::uint64_t window = free_area;
constexpr std::uint64_t window_pages = 1000;  // more than one call takes
constexpr abi::PageRange given{window, 1};
constexpr abi::PageRange lent{window + abi::page_bytes, 1};
constexpr abi::PageRange own_page{free_area + (1u << 30), 1};

std::uint64_t volatile& word_at(std::uint64_t address) {
    return *reinterpret_cast<std::uint64_t volatile*>(address);
}

// Waits for its turn: the parent answers each message when it has looked.
void turn(abi::EnvId parent) { check(ipc_call(parent, 0, 0, 0, 0, {}).has_value(), "an answer"); }

void map_into(abi::SpaceId other, abi::EnvId parent) {
    turn(parent);
    check(page_alloc(other, given, abi::permission::write).has_value(), "alloc in the window");
    check_error(page_alloc(other, {window - abi::page_bytes, 2}, abi::permission::write),
                Error::not_allowed, "half outside");
    check_error(page_unmap(other, {0x400000, 1}), Error::not_allowed, "outside");
    check_error(page_map(own_space, own_page, other, {0x400000}, abi::permission::read),
                Error::not_allowed, "map outside");
    check_error(window_grant(other, {window, 1}, *space_self()), Error::not_allowed,
                "a window gives no right to give it on");
    check(page_alloc(own_space, own_page, abi::permission::write).has_value(), "a page to lend");
    word_at(own_page.address) = 42;
    check_error(page_map(own_space, own_page, own_space, {own_page.address + abi::page_bytes},
                         {abi::permission::read, abi::page_option::lend}),
                Error::bad_argument, "nothing to lend to oneself");
    check(page_map(own_space, own_page, other, {lent.address},
                   {abi::permission::read, abi::page_option::lend})
              .has_value(),
          "lend");
    turn(parent);
    word_at(own_page.address) = 43;
    turn(parent);
    check(page_unmap(other, lent).has_value(), "the lender takes it back");
    check(page_map(own_space, own_page, other, {lent.address},
                   {abi::permission::write, abi::page_option::lend})
              .has_value(),
          "lend again");
    turn(parent);
    check_error(page_unmap(other, lent), Error::not_allowed, "the window is gone");
}

void answer(abi::EnvId& from) {
    auto const message =
        from == abi::EnvId{} ? ipc_receive({}) : ipc_reply_receive(from, 0, 0, 0, 0, {});
    check(message.has_value(), "a message");
    from = message->sender;
}

void refuse_all_but_unmapping() {
    constexpr auto elsewhere = abi::PageAddress{own_page.address};
    check_error(page_protect(own_space, lent, abi::permission::read), Error::lent, "protect");
    check_error(page_protect(own_space, lent, {abi::permission::write, abi::page_option::if_sole}),
                Error::lent, "protect if sole");
    check_error(page_map(own_space, lent, own_space, elsewhere, abi::permission::read), Error::lent,
                "map");
    check_error(page_move(own_space, lent, own_space, elsewhere, abi::permission::read),
                Error::lent, "move");
}

}  // namespace

int main() {
    auto const parent_space = *space_self();
    auto const parent = *env_self();
    auto child = fork();
    check(child.has_value(), "fork");
    if (!*child) {
        map_into(parent_space, parent);
        return 0;
    }
    auto const holder = (*child)->space();
    check_error(window_grant(own_space, {window, 0}, holder), Error::bad_range, "no pages");
    check_error(window_grant(own_space, {window, 1ull << 40}, holder), Error::bad_address,
                "beyond the user top");
    check_error(window_grant(own_space, {window + 1, 1}, holder), Error::bad_address, "unaligned");
    check_error(window_grant(own_space, {window, 1}, abi::SpaceId{0x12345}), Error::not_found,
                "no such holder");
    check_error(window_grant(own_space, {window, 1}, parent_space), Error::bad_argument,
                "a window of oneself");
    check_error(window_revoke(own_space, holder), Error::not_found, "nothing to revoke");
    check(window_grant(own_space, {window, window_pages}, holder).has_value(), "grant");
    abi::EnvId from{};
    answer(from);  // it may begin
    answer(from);
    word_at(given.address) = 1;
    check(word_at(lent.address) == 42, "the lent page");
    refuse_all_but_unmapping();
    answer(from);
    check(word_at(lent.address) == 43, "the lent page is the lender's own");
    answer(from);
    refuse_all_but_unmapping();
    word_at(lent.address) = 44;  // it was lent to be written
    check(window_revoke(own_space, holder).has_value(), "revoke");
    check(page_unmap(own_space, lent).has_value(), "the holder of a lent page may unmap it");
    abi::IpcOptions now{};
    now.deadline = 1;  // nothing to receive any more
    check_error(ipc_reply_receive(from, 0, 0, 0, 0, {&now}), Error::timed_out, "the last answer");
    return (*child)->wait().exit_status == 0 ? 0 : 1;
}
