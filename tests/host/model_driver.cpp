#include "tests/host/model_driver.hpp"

#include <algorithm>
#include <array>
#include <cstring>

namespace quarry::test {
namespace {

constexpr std::size_t arena_frames = 1536 + 100;  // three whole blocks and an edge

// Ranges are around these: neighbours in a table, across tables of each level, and at the user top.
constexpr std::uint64_t bases[] = {
    0x400, 0x7f8, 0x3fffc, 0x7fffffc, (abi::native_user_top >> 12) - 1024, 0x800,
};

}  // namespace

ModelDriver::ModelDriver(std::uint64_t seed)
    : random_(seed), machine_(arena_frames), model_(arena_frames), actors_(max_actors) {
    auto& root = machine_.boot(arena_frames);
    actors_[0].id = root.space().id.value;
    actors_[0].environment = &root;
    actors_[0].alive = true;
    actors_[0].space.account = std::make_shared<ModelAccount>();
    actors_[0].space.account->limit = arena_frames;
    (void)model_.charge_objects(*actors_[0].space.account, 3, false);
}

// Mostly where the last call was: a stale translation shows only if the page is touched before and
// after it changes, with no switch to another space in between.
std::uint64_t ModelDriver::random_page() {
    if (chance(2)) {
        return page_;
    }
    auto const base = bases[pick(std::size(bases))];
    page_ = chance(8) ? base & ~std::uint64_t{511} : base + pick(12);
    return page_;
}

ModelDriver::Range ModelDriver::random_range() {
    if (chance(400)) {
        return {random_page() & ~std::uint64_t{511}, 512};
    }
    return {random_page(), 1 + pick(chance(20) ? 40 : 4)};
}

std::uint64_t ModelDriver::random_perms() {
    constexpr std::uint64_t common[] = {0, 1, 3, 5, 1 | 8, 1 | 16, 3 | 16, 8 | 16, 1 | 8 | 16};
    // Without a tag more often than not: those go the short way through the kernel.
    return common[pick(std::size(common))] | (chance(4) ? pick(8) << 9 : 0);
}

std::size_t ModelDriver::random_actor() {
    if (actors_[actor_].alive && !chance(8)) {
        return actor_;
    }
    do {
        actor_ = pick(max_actors);
    } while (!actors_[actor_].alive);
    return actor_;
}

bool ModelDriver::allowed(std::size_t caller, std::size_t target) const {
    return caller == target || (target != 0 && actors_[target].parent == caller);
}

std::uint64_t ModelDriver::id_for(std::size_t caller, std::size_t target) {
    return caller == target && chance(2) ? 0 : actors_[target].id;
}

std::string ModelDriver::compare(char const* what, Error expected, std::uint64_t got) {
    auto const wanted = expected == Error::none ? 0 : encode_error(expected);
    if (wanted == got) {
        return {};
    }
    return std::string(what) + ": the model says " + std::string(abi::name_of(expected)) +
           ", the kernel " +
           (got == 0 ? "success" : std::string(abi::name_of(static_cast<Error>(0 - got))));
}

// A page among others that is written to, and nothing at the same place in a child: as a fork has it.
std::string ModelDriver::prepare_fork(std::size_t caller, std::size_t child, std::uint64_t first,
                                      std::uint64_t count) {
    auto const page = first + pick(count);
    auto& own = actors_[caller].space;
    machine_.run(*actors_[caller].environment);
    auto const writable = *PagePerms::parse(abi::permission::write.bits);
    auto got = machine_.call<abi::PageAlloc>(0, page << 12, 1, writable.bits());
    auto const ran_out = got == encode_error(Error::out_of_frames);
    auto difference =
        compare("alloc", model_.alloc(own, page, 1, writable, false, false, ran_out), got);
    if (difference.empty()) {
        difference = touch(caller, page);
    }
    if (difference.empty()) {
        got = machine_.call<abi::PageUnmap>(actors_[child].id, first << 12, count);
        difference = compare("unmap", model_.unmap(actors_[child].space, first, count), got);
    }
    return difference;
}

std::string ModelDriver::share_call(std::size_t caller, std::uint64_t page, std::uint64_t count) {
    auto to = random_actor();
    auto at = random_page();
    if (!chance(4)) {
        for (std::size_t i = 1; i < max_actors; ++i) {
            to = actors_[i].alive && actors_[i].parent == caller ? i : to;
        }
        at = page;
        actor_ = caller;  // it goes on, and may meet what its TLB has kept
        if (to != caller && allowed(caller, to) && (page + count) << 12 <= abi::native_user_top) {
            count = std::min<std::uint64_t>(count, 4);
            if (auto difference = prepare_fork(caller, to, page, count); !difference.empty()) {
                return difference;
            }
        }
    }
    machine_.run(*actors_[caller].environment);
    auto const keep = chance(2) ? 1 | 4 | 16 : random_perms() & ~abi::permission::tag_mask;
    auto const mode = keep | pick(8) << 9 | (chance(2) ? pick(8) << 12 : 0);
    auto const got =
        machine_.call<abi::PageShare>(0, page << 12, count, id_for(caller, to), at << 12, mode);
    auto const top = abi::native_user_top;
    auto const expected =
        (page + count) << 12 > top                       ? Error::bad_address
        : !allowed(caller, to) && !holds_any(caller, to) ? Error::not_allowed
        : at << 12 >= top                                ? Error::bad_address
        : !reaches(caller, to, at, 1)                    ? Error::not_allowed
        : (at + count) << 12 > top                       ? Error::bad_address
        : !reaches(caller, to, at, count)
            ? Error::not_allowed
            : model_.share(actors_[caller].space, page, count, actors_[to].space, at,
                           *ShareRule::parse(mode), got == encode_error(Error::out_of_frames));
    return compare("share", expected, got);
}

std::string ModelDriver::page_call() {
    auto const caller = random_actor();
    auto const from = chance(3) ? random_actor() : caller;
    auto const to = chance(3) ? random_actor() : caller;
    auto const [page, count] = random_range();
    auto at = random_page();
    if (count == 512 && !chance(4)) {
        at &= ~std::uint64_t{511};
    }
    auto const bits = random_perms();
    auto const perms = *PagePerms::parse(bits);
    bool const option = chance(4);
    bool const lend = chance(6);
    auto const from_id = id_for(caller, from);
    auto const to_id = id_for(caller, to);
    auto const address = page << 12;
    machine_.run(*actors_[caller].environment);

    bool const past_top = (page + count) << 12 > abi::native_user_top;
    bool const target_past_top = (at + count) << 12 > abi::native_user_top;
    auto& a = actors_[from].space;
    auto& b = actors_[to].space;
    auto const ran_out = [](std::uint64_t got) {
        return got == encode_error(Error::out_of_frames);
    };
    // Without the right over the whole space, each call must stay in a window.
    bool const in_reach = reaches(caller, from, page, count);
    if (!allowed(caller, from) && !holds_any(caller, from)) {
        auto const got = machine_.call<abi::PageUnmap>(from_id, address, count);
        return compare("unmap without the right", Error::not_allowed, got);
    }
    auto const refused = past_top    ? Error::bad_address
                         : !in_reach ? Error::not_allowed
                                     : Error::none;
    switch (pick(7)) {
        case 6:
            return share_call(caller, page, count);
        case 0: {
            bool const huge = count == 512 && !chance(4);
            auto const mode = bits | (option ? 1ull << 32 : 0) | (huge ? 4ull << 32 : 0);
            auto const got = machine_.call<abi::PageAlloc>(from_id, address, count, mode);
            return compare("alloc",
                           refused != Error::none
                               ? refused
                               : model_.alloc(a, page, count, perms, huge, option, ran_out(got)),
                           got);
        }
        case 1:
        case 2: {
            bool const is_map = chance(2);
            bool const lends = is_map && lend;
            auto const mode = bits | (option ? 1ull << 32 : 0) | (lends ? 8ull << 32 : 0);
            auto const got =
                is_map
                    ? machine_.call<abi::PageMap>(from_id, address, count, to_id, at << 12, mode)
                    : machine_.call<abi::PageMove>(from_id, address, count, to_id, at << 12, mode);
            auto const expected =
                refused != Error::none                           ? refused
                : !allowed(caller, to) && !holds_any(caller, to) ? Error::not_allowed
                : at << 12 >= abi::native_user_top               ? Error::bad_address
                : !reaches(caller, to, at, 1)                    ? Error::not_allowed
                : target_past_top                                ? Error::bad_address
                : !reaches(caller, to, at, count)                ? Error::not_allowed
                : lends && to == caller                          ? Error::bad_argument
                : is_map ? model_.map(a, page, count, b, at, perms, option, lends, ran_out(got))
                         : model_.move(a, page, count, b, at, perms, option, ran_out(got));
            return compare(is_map ? "map" : "move", expected, got);
        }
        case 3: {
            auto const mode = bits | (option ? 2ull << 32 : 0);
            auto const got = machine_.call<abi::PageProtect>(from_id, address, count, mode);
            return compare(
                "protect",
                refused != Error::none ? refused : model_.protect(a, page, count, perms, option),
                got);
        }
        case 4: {
            auto const got = machine_.call<abi::PageUnmap>(from_id, address, count);
            return compare("unmap", refused != Error::none ? refused : model_.unmap(a, page, count),
                           got);
        }
        default: {
            auto const target = chance(3) ? page : page & ~std::uint64_t{511};
            if (target << 12 >= abi::native_user_top) {
                return {};
            }
            auto const got = machine_.call<abi::PageSplit>(from_id, target << 12);
            return compare("split",
                           reaches(caller, from, target, 1) ? model_.split(a, target, ran_out(got))
                                                            : Error::not_allowed,
                           got);
        }
    }
}

std::string ModelDriver::create_space(std::size_t caller) {
    std::size_t slot = 0;
    while (slot < max_actors && actors_[slot].alive) {
        ++slot;
    }
    if (slot == max_actors) {
        return {};
    }
    auto const own_pages = chance(2) ? 0 : pick(300);
    auto const got = machine_.call<abi::SpaceCreate>(own_pages, 0, 0);
    bool const failed = static_cast<std::int64_t>(got) < 0;
    bool const ran_out = got == encode_error(Error::out_of_frames);
    auto& creator = *actors_[caller].space.account;
    auto account = actors_[caller].space.account;
    if (own_pages != 0) {
        if (creator.limit - creator.used() < own_pages || creator.closed) {
            return compare("space_create", Error::out_of_account, got);
        }
        account = std::make_shared<ModelAccount>();
        account->limit = own_pages;
        account->parent = actors_[caller].space.account;
        creator.split_off += own_pages;
    }
    auto const expected = model_.charge_objects(*account, 2, ran_out);
    if (expected != Error::none || failed) {
        return compare("space_create", expected, got);
    }
    actors_[slot] = {got, nullptr, {}, caller, true};
    actors_[slot].space.account = account;
    actors_[slot].space.owns_account = own_pages != 0;
    // An environment in it, so that it can act; without room for one, the space goes again.
    auto const env = machine_.call<abi::EnvCreate>(got, 0x400000, 0x7000, 0);
    bool const env_ran_out = env == encode_error(Error::out_of_frames);
    auto const env_expected = model_.charge_objects(*account, 1, env_ran_out);
    if (static_cast<std::int64_t>(env) < 0 || env_expected != Error::none) {
        auto const difference = compare("env_create", env_expected, env);
        return difference.empty() ? destroy_space(slot) : difference;
    }
    auto* const environment = the_kernel.environments.peek(env);
    environment->state = abi::EnvState::runnable;
    actors_[slot].environment = environment;
    return {};
}

std::string ModelDriver::destroy_space(std::size_t target) {
    auto& actor = actors_[target];
    machine_.run(*actors_[actor.parent].environment);
    actor.space.account->closed = actor.space.account->closed || actor.space.owns_account;
    if (actor.environment != nullptr) {
        actor.environment->state = abi::EnvState::stopped;  // it was never in the run queue
        model_.free_objects(*actor.space.account, 1);
    }
    std::uint64_t got = 0;
    do {
        got = machine_.call<abi::SpaceDestroy>(actor.id);
    } while (got == encode_error(Error::again));
    model_.end_space(actor.space);
    model_.free_objects(*actor.space.account, 2);
    for (auto& other : actors_) {
        if (other.alive && &other != &actor && other.parent == target) {
            other.parent = actor.parent;  // a dead space's children pass to its creator
        }
    }
    std::erase_if(windows_, [&](Window const& window) {
        return window.space == actor.id || window.holder == actor.id;
    });
    actor.alive = false;
    actor.space = {};
    return compare("space_destroy", Error::none, got);
}

std::string ModelDriver::space_call() {
    auto const caller = random_actor();
    machine_.run(*actors_[caller].environment);
    if (chance(2)) {
        return create_space(caller);
    }
    auto const target = random_actor();
    if (target == caller || !allowed(caller, target)) {
        return compare("space_destroy without the right", Error::not_allowed,
                       machine_.call<abi::SpaceDestroy>(actors_[target].id));
    }
    return destroy_space(target);
}

bool ModelDriver::holds_any(std::size_t caller, std::size_t target) const {
    return std::ranges::any_of(windows_, [&](Window const& window) {
        return window.holder == actors_[caller].id && window.space == actors_[target].id;
    });
}

bool ModelDriver::reaches(std::size_t caller, std::size_t target, std::uint64_t page,
                          std::uint64_t count) const {
    return allowed(caller, target) || std::ranges::any_of(windows_, [&](Window const& window) {
               return window.holder == actors_[caller].id && window.space == actors_[target].id &&
                      window.first <= page && page + count <= window.first + window.count;
           });
}

std::string ModelDriver::window_call() {
    auto const caller = random_actor();
    auto const target = random_actor();
    auto const holder = random_actor();
    machine_.run(*actors_[caller].environment);
    auto const space_id = id_for(caller, target);
    auto const holder_id = actors_[holder].id;
    auto const is_pair = [&](Window const& window) {
        return window.holder == holder_id && window.space == actors_[target].id;
    };
    if (chance(3)) {
        auto const got = machine_.call<abi::WindowRevoke>(space_id, holder_id);
        auto const expected = !allowed(caller, target)                ? Error::not_allowed
                              : std::erase_if(windows_, is_pair) == 0 ? Error::not_found
                                                                      : Error::none;
        return compare("window_revoke", expected, got);
    }
    auto const first = random_page();
    auto const count = 1 + pick(chance(2) ? 8 : 2000);
    auto const got = machine_.call<abi::WindowGrant>(space_id, first << 12, count, holder_id);
    auto const of_target = std::ranges::count_if(
        windows_, [&](Window const& window) { return window.space == actors_[target].id; });
    auto const expected = !allowed(caller, target)                       ? Error::not_allowed
                          : (first + count) << 12 > abi::native_user_top ? Error::bad_address
                          : target == holder                             ? Error::bad_argument
                          : static_cast<std::size_t>(of_target) == Windows::capacity
                              ? Error::out_of_slots
                              : Error::none;
    if (expected == Error::none) {
        windows_.push_back({holder_id, actors_[target].id, first, count});
    }
    return compare("window_grant", expected, got);
}

// Words that no call can mean. The kernel must refuse and change nothing.
std::string ModelDriver::bad_call() {
    auto const caller = random_actor();
    machine_.run(*actors_[caller].environment);
    auto const junk = random_() | 1;  // unaligned, so never a page
    auto const got = chance(2) ? machine_.call<abi::PageAlloc>(0, junk, 1 + pick(600), 3)
                               : machine_.call<abi::PageAlloc>(0, 0x400000, 1, junk << 5 | 6);
    if (static_cast<std::int64_t>(got) >= 0) {
        return "a call with a bad argument succeeded";
    }
    return compare("unknown space", Error::not_found,
                   machine_.call<abi::PageUnmap>(random_() | 0xffff, 0x400000, 1));
}

// A program writes and reads a page: it must reach the frame the model names, through a TLB that
// keeps every stale entry.
std::string ModelDriver::touch() {
    auto const actor = random_actor();
    return touch(actor, random_page());
}

std::string ModelDriver::touch(std::size_t index, std::uint64_t page) {
    auto& actor = actors_[index];
    machine_.run(*actor.environment);
    auto const it = actor.space.covering(page);
    bool const mapped = it != actor.space.mappings.end();
    bool const huge = mapped && it->second.frame->huge;
    bool const at_start = mapped && it->first == page;
    auto const address = UserAddr{page << 12};
    std::uint64_t value = ++stamps_;
    auto const bytes = std::as_writable_bytes(std::span(&value, 1));
    if (chance(2)) {
        bool const done = machine::copy_out(address, bytes);
        if (done != (mapped && it->second.perms.write())) {
            return done ? "a page that the model forbids was written"
                        : "a page could not be written";
        }
        if (done && at_start) {
            it->second.frame->stamp = value;
        } else if (done && huge) {
            std::uint64_t const zero = 0;  // only the first page of a huge frame keeps a stamp
            (void)machine::copy_out(address, std::as_bytes(std::span(&zero, 1)));
        }
        return {};
    }
    bool const done = machine::copy_in(bytes, address);
    if (done != (mapped && it->second.perms.read())) {
        return done ? "a page that the model forbids was read" : "a page could not be read";
    }
    if (done && value != (at_start ? it->second.frame->stamp : 0)) {
        return "a page holds another frame's contents";
    }
    return {};
}

std::string ModelDriver::step() {
    auto const kind = pick(100);
    auto result = kind < 60   ? page_call()
                  : kind < 64 ? space_call()
                  : kind < 66 ? window_call()
                  : kind < 68 ? bad_call()
                              : touch();
    ++steps_;
    if (result.empty() && kind < 68) {
        result = machine_.check();
    }
    if (result.empty()) {
        for (auto const& actor : actors_) {
            if (actor.alive &&
                the_kernel.memory.accounts.status(the_kernel.spaces.peek(actor.id)->account())
                        .used_pages != actor.space.account->used()) {
                result = "an account's use differs from the model's";
            }
        }
    }
    if (result.empty() && the_kernel.memory.free_frames() != model_.free_frames()) {
        result = "the number of free frames differs from the model's";
    }
    return result.empty() ? result : result + " (step " + std::to_string(steps_) + ")";
}

std::string ModelDriver::finish() {
    for (std::size_t i = max_actors; i-- > 1;) {
        if (actors_[i].alive) {
            if (auto result = destroy_space(i); !result.empty()) {
                return result;
            }
        }
    }
    model_.end_space(actors_[0].space);
    machine::activate(PhysPage{});
    while (!tear_down_step(actors_[0].environment->space().mapped(), 1000)) {
    }
    if (the_kernel.memory.free_frames() != arena_frames - 3) {
        return "memory was lost";
    }
    return std::string(machine_.check());
}

}  // namespace quarry::test
