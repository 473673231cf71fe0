// A second environment of the same space: created stopped, started, stopped, ended, reaped. It says
// how far it is in a word that the first one waits for: nobody relies on who runs when.
#include "tests/guest/check.hpp"

#include <array>
#include <atomic>

namespace {
std::atomic<std::uint32_t> steps = 0;
std::atomic<std::uint32_t> go_on = 0;
alignas(16) std::array<std::byte, 16384> stack;

void change(std::atomic<std::uint32_t>& word, std::uint32_t value) {
    word = value;
    (void)quarry::word_wake({reinterpret_cast<std::uint32_t*>(&word)}, 1, 0);
}

void wait_until(std::atomic<std::uint32_t>& word, std::uint32_t value) {
    for (auto seen = word.load(); seen != value; seen = word) {
        (void)quarry::word_wait({reinterpret_cast<std::uint32_t*>(&word)}, seen, 0, 0);
    }
}

void second(std::uint64_t argument) {
    change(steps, static_cast<std::uint32_t>(argument));
    wait_until(go_on, 1);
    change(steps, 11);
    quarry::exit_program(77);
}
}  // namespace

int main() {
    using namespace quarry;
    using namespace quarry::test;
    auto const entry = reinterpret_cast<std::uint64_t>(&second);
    auto const top = reinterpret_cast<std::uint64_t>(stack.data() + stack.size() - 8);
    auto const env = env_create(own_space, {entry}, {top}, 10);
    check(env.has_value(), "env_create");
    (void)yield();
    check(steps == 0, "it is created stopped");
    check(env_start(*env).has_value(), "env_start");
    abi::Frame const frame{};
    check_error(env_set_frame(*env, {&frame}), Error::not_stopped, "the frame of a running one");
    wait_until(steps, 10);
    check(env_stop(*env).has_value(), "env_stop");
    change(go_on, 1);
    (void)yield();
    check(steps == 10, "stopped, it does not run");
    check(env_start(*env).has_value(), "start again");
    check(env_wait(*env, 0).has_value(), "its end can be waited for");
    check(steps == 11, "it ran to its end");
    abi::EnvStatus status{};
    check(env_status(*env, {&status}).has_value(), "env_status");
    check(status.state == abi::EnvState::ended && status.cause == abi::EndCause::exited &&
              status.exit_status == 77,
          "its record says how it ended");
    check_error(env_start(*env), Error::ended, "start of one that ended");
    check(env_destroy(*env).has_value(), "reap");
    check_error(env_status(*env, {&status}), Error::not_found, "status of one that was reaped");
    return 0;
}
