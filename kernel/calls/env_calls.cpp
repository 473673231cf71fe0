// Ids, environments, exit, yield, clock.
#include "kernel/handlers.hpp"

namespace quarry {
namespace {

constexpr abi::EnvStatus ended_by(abi::EndCause cause, std::uint64_t status) {
    return {.state = abi::EnvState::ended,
            .cause = cause,
            .exit_status = status,
            .fault_vector = 0,
            .fault_address = 0,
            .fault_rip = 0};
}

}  // namespace

Result<abi::EnvId> handle(Tag<abi::EnvSelf>, Caller& caller) { return caller.environment.id; }

Result<abi::EnvId> handle(Tag<abi::EnvCreate>, Caller& caller, SpaceRef space, UserAddr entry,
                          UserAddr stack, std::uint64_t argument) {
    auto* const environment =
        TRY(caller.kernel.create_environment(space.space(), entry, stack, argument));
    return environment->id;
}

Result<void> handle(Tag<abi::EnvSetFrame>, Caller&, EnvRef env, UserIn<abi::Frame> frame) {
    auto const target = TRY(env.stopped());
    auto const registers = TRY(frame.read());
    return target.environment().saved.set(registers);
}

Result<void> handle(Tag<abi::EnvStart>, Caller& caller, EnvRef env) {
    auto const target = TRY(env.live());
    if (target.environment().state == abi::EnvState::stopped) {
        caller.kernel.start(target.environment());
    }
    return {};
}

Result<void> handle(Tag<abi::EnvStop>, Caller& caller, EnvRef env) {
    auto const target = TRY(env.live());
    caller.kernel.stop(target.environment());
    return {};
}

Result<void> handle(Tag<abi::EnvDestroy>, Caller& caller, EnvRef env) {
    auto& target = env.environment();
    if (target.state == abi::EnvState::ended) {
        caller.kernel.reap(target);
    } else {
        caller.kernel.end(target, ended_by(abi::EndCause::destroyed, 0));
    }
    return {};
}

Result<void> handle(Tag<abi::EnvGetStatus>, Caller&, EnvRef env, UserOut<abi::EnvStatus> to) {
    auto status = env.environment().end;
    status.state = env.environment().state;
    return to.write(status);
}

Result<void> handle(Tag<abi::Exit>, Caller& caller, std::uint64_t status) {
    caller.kernel.end(caller.environment, ended_by(abi::EndCause::exited, status & 0xffff'ffff));
    return {};
}

Result<void> handle(Tag<abi::Yield>, Caller& caller) {
    caller.kernel.ask_to_yield();
    return {};
}

Result<std::uint64_t> handle(Tag<abi::Clock>, Caller&) { return machine::clock_nanoseconds(); }

}  // namespace quarry
