// Every call on environments and spaces with every kind of bad argument: the documented error, and
// nothing is charged, started or changed.
#include "tests/guest/check.hpp"

#include <array>

using namespace quarry;
using namespace quarry::test;

namespace {

constexpr abi::EnvId no_such_env{0x7777'0009};
constexpr abi::EnvId wrong_slot{0x1'ffff};
constexpr abi::EnvId creators_env{0x1'0000};  // the first environment, known from the views
constexpr abi::SpaceId no_such_space{0x7777'0009};
constexpr abi::SpaceId creators_space{0x1'0000};
constexpr std::uint64_t kernel_address = 0xffff'8000'0000'0000;
constexpr std::uint64_t not_canonical = abi::canonical_limit;

abi::Frame frame_with(std::uint64_t abi::Frame::* field, std::uint64_t value) {
    abi::Frame frame{};
    frame.rip = 0x400000;
    frame.rsp = 0x7000;
    frame.*field = value;
    return frame;
}

// All that take an environment, with one that is not there or not the caller's.
void expect_target_refused(abi::EnvId env, Error expected, std::string_view what) {
    auto const frame = frame_with(&abi::Frame::rax, 0);
    abi::EnvStatus status{};
    abi::Upcall const upcall{};
    check_error(env_set_frame(env, {&frame}), expected, what);
    check_error(env_start(env), expected, what);
    check_error(env_stop(env), expected, what);
    check_error(env_destroy(env), expected, what);
    check_error(env_status(env, {&status}), expected, what);
    check_error(env_wait(env, 0), expected, what);
    check_error(env_set_upcall(env, {&upcall}), expected, what);
    check_error(env_notify(env, own_env, 1), expected, what);
    check_error(env_notify(own_env, env, 1), expected, what);
    check_error(env_interrupt(env, 1), expected, what);
}

void expect_space_refused(abi::SpaceId space, Error expected, std::string_view what) {
    abi::AccountStatus status{};
    check_error(env_create(space, {0x400000}, {0x7000}, 0), expected, what);
    check_error(space_destroy_step(space), expected, what);
    check_error(account_status(space, {&status}), expected, what);
    check_error(page_alloc(space, {free_area, 1}, abi::permission::write), expected, what);
    check_error(page_map(own_space, {0x400000, 1}, space, {free_area}, abi::permission::read),
                expected, what);
    check_error(window_grant(space, {free_area, 1}, *space_self()), expected, what);
    check_error(window_revoke(space, *space_self()), expected, what);
}

void bad_frames(abi::EnvId env) {
    constexpr std::array fields{&abi::Frame::rip, &abi::Frame::rsp, &abi::Frame::fs_base,
                                &abi::Frame::gs_base};
    for (auto const field : fields) {
        for (auto const address : {kernel_address, not_canonical, ~std::uint64_t{0}}) {
            auto const frame = frame_with(field, address);
            check_error(env_set_frame(env, {&frame}), Error::bad_address, "a frame's address");
        }
    }
    check_error(env_set_frame(env, {reinterpret_cast<abi::Frame const*>(free_area)}),
                Error::bad_buffer, "a frame that is not mapped");
    check_error(env_set_frame(env, {reinterpret_cast<abi::Frame const*>(kernel_address)}),
                Error::bad_buffer, "a frame in the kernel");
    auto const frame = frame_with(&abi::Frame::rax, 0);
    check_error(env_set_frame(own_env, {&frame}), Error::not_stopped, "a running environment");
}

void bad_upcalls(abi::EnvId env) {
    struct Case {
        abi::Upcall upcall;
        Error expected;
    };
    constexpr std::array cases{
        Case{{kernel_address, free_area, 4096, 0}, Error::bad_address},
        Case{{not_canonical, free_area, 4096, 0}, Error::bad_address},
        Case{{0x400000, kernel_address, 4096, 0}, Error::bad_address},
        Case{{0x400000, free_area, ~std::uint64_t{15}, 0}, Error::bad_address},
        Case{{0x400000, abi::native_user_top, 4096, 0}, Error::bad_address},
        Case{{0x400000, free_area, 4096, kernel_address}, Error::bad_address},
        Case{{0x400000, free_area + 8, 4096, 0}, Error::bad_argument},
        Case{{0x400000, free_area, 4100, 0}, Error::bad_argument},
    };
    for (auto const& one : cases) {
        check_error(env_set_upcall(env, {&one.upcall}), one.expected, "an upcall");
    }
}

}  // namespace

int main() {
    auto const reused = *env_create(own_space, {0x400000}, {0x7000}, 0);
    check(env_destroy(reused).has_value() && env_destroy(reused).has_value(), "ended and reaped");
    auto const env = *env_create(own_space, {0x400000}, {0x7000}, 0);
    check(env.value != reused.value && (env.value & 0xffff) == (reused.value & 0xffff),
          "the slot is used again, the id is not");
    auto const before = used_pages();

    expect_target_refused(no_such_env, Error::not_found, "no such environment");
    expect_target_refused(wrong_slot, Error::not_found, "beyond the table");
    expect_target_refused(reused, Error::not_found, "the id of a reused slot");
    expect_target_refused(creators_env, Error::not_allowed, "the creator's environment");
    expect_space_refused(no_such_space, Error::not_found, "no such space");
    expect_space_refused(creators_space, Error::not_allowed, "the creator's space");
    bad_frames(env);
    bad_upcalls(env);
    check_error(env_create(own_space, {kernel_address}, {0x7000}, 0), Error::bad_address, "entry");
    check_error(env_create(own_space, {0x400000}, {not_canonical}, 0), Error::bad_address, "stack");
    check_error(env_wait(own_env, 0), Error::bad_argument, "waiting for oneself");
    check_error(env_wait(env, 1), Error::timed_out, "a deadline in the past");
    check_error(env_status(env, {reinterpret_cast<abi::EnvStatus*>(kernel_address)}),
                Error::bad_buffer, "a status in the kernel");
    check_error(space_create(0, {1u << 3}, {"x", 1}), Error::bad_argument, "an unknown option");
    check_error(space_create(~std::uint64_t{0}, {}, {"x", 1}), Error::out_of_account, "too much");
    check_error(space_create(0, {}, {reinterpret_cast<char const*>(free_area), 4}),
                Error::bad_buffer, "a name that is not mapped");
    check_error(space_destroy_step(own_space), Error::not_allowed, "its own space");
    check_error(space_next_child({}), Error::not_found, "it has no children");
    check_error(yield_to(no_such_env), Error::not_found, "nobody to yield to");

    abi::EnvStatus status{};
    check(env_status(env, {&status}) && status.state == abi::EnvState::stopped, "still stopped");
    check(used_pages() == before, "nothing was charged");
    check(env_destroy(env).has_value() && env_destroy(env).has_value(), "its end");
    return 0;
}
