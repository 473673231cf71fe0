// Ids, environments, exit, yield, clock.
#include "kernel/handlers.hpp"
#include "kernel/jos.hpp"
#include "machine/machine.hpp"

namespace quarry {
namespace {

// Blocks the caller until the target is off the processor that runs it.
Result<void> wait_until_off(Caller& caller, Environment& target) {
    auto const self = TRY(caller.try_lock_self());
    TRY(caller.kernel.block(caller.environment, Wait::off, target.id.value, 0, false));
    target.end_waiters.push_back(caller.environment);
    return deferred;
}

bool runs_elsewhere(Caller const& caller, Environment const& target) {
    return target.on != Environment::nowhere && &target != &caller.environment;
}

}  // namespace

Result<abi::EnvId> handle(Tag<abi::EnvSelf>, Caller& caller) { return caller.environment.id; }

Result<abi::EnvId> handle(Tag<abi::EnvCreate>, Caller& caller, SpaceRef space, UserAddr entry,
                          UserAddr stack, std::uint64_t argument) {
    auto* const environment = TRY(caller.kernel.create_environment(space.space(), entry, stack,
                                                                   argument, &caller.environment));
    return environment->id;
}

Result<void> handle(Tag<abi::EnvSetFrame>, Caller&, EnvRef env, UserIn<abi::Frame> frame) {
    auto const target = TRY(env.stopped());
    auto const registers = TRY(frame.read());
    return target.environment().saved.set(registers);
}

Result<void> handle(Tag<abi::EnvStart>, Caller& caller, EnvRef env) {
    TRY(env.live());
    if (env.environment().state == abi::EnvState::stopped) {
        caller.kernel.start(env.environment());
    }
    return {};
}

Result<void> handle(Tag<abi::EnvStop>, Caller& caller, EnvRef env) {
    TRY(env.live());
    auto& target = env.environment();
    TRY(caller.kernel.stop(target));
    if (runs_elsewhere(caller, target)) {
        return wait_until_off(caller, target);
    }
    return {};
}

Result<void> handle(Tag<abi::EnvDestroy>, Caller& caller, EnvRef env) {
    auto& target = env.environment();
    if (target.ended()) {
        if (&target == &caller.environment) {
            return {};  // another processor was quicker; this call does not return
        }
        if (target.on != Environment::nowhere) {
            return busy;  // its processor is about to let go of it
        }
        auto const id = target.id;
        {
            auto const found = std::move(env).take();
        }
        return caller.kernel.reap(id);
    }
    if (target.space().form().is_jos()) {
        if (&target == &caller.environment) {
            jos::report_exit(target);
        } else {
            jos::report_destroy(caller.environment, target);
        }
    }
    abi::EnvStatus how{};
    how.cause = abi::EndCause::destroyed;
    if (runs_elsewhere(caller, target)) {
        TRY(caller.kernel.end(target, how));
        return wait_until_off(caller, target);
    }
    return caller.kernel.end_and_finish(std::move(env).take(), how);
}

Result<void> handle(Tag<abi::EnvGetStatus>, Caller&, EnvRef env, UserOut<abi::EnvStatus> to) {
    auto status = env.environment().end;
    status.state = env.environment().state;
    return to.write(status);
}

Result<void> handle(Tag<abi::EnvWait>, Caller& caller, EnvRef env, std::uint64_t deadline) {
    auto& target = env.environment();
    if (target.ended()) {
        return {};
    }
    if (&target == &caller.environment) {
        return Error::bad_argument;
    }
    auto const self = TRY(caller.try_lock_self());
    TRY(caller.kernel.block(caller.environment, Wait::end, target.id.value, deadline, true));
    target.end_waiters.push_back(caller.environment);
    return deferred;
}

Result<void> handle(Tag<abi::EnvNotify>, Caller&, EnvRef env, EnvRef to, std::uint64_t bits) {
    TRY(env.live());
    env.environment().notify = to.environment().id;
    env.environment().notify_bits = bits;
    return {};
}

Result<void> handle(Tag<abi::Exit>, Caller& caller, std::uint64_t status) {
    if (caller.space.form().is_jos()) {
        jos::report_exit(caller.environment);
    }
    auto const lock = HeldLock::take(*caller.environment.lock);
    abi::EnvStatus how{};
    how.cause = abi::EndCause::exited;
    how.exit_status = status & 0xffff'ffff;
    return caller.kernel.end(caller.environment, how);
}

Result<void> handle(Tag<abi::Yield>, Caller&) {
    auto& self = this_processor();
    self.yield = true;
    if (!self.others_wait()) {
        machine::spin_pause();  // the caller spins: what it waits for runs on another processor
    }
    return {};
}

Result<void> handle(Tag<abi::YieldTo>, Caller&, PeerRef env) {
    auto& target = env.environment();
    auto& self = this_processor();
    self.yield = true;
    if (target.state == abi::EnvState::runnable && Kernel::remove_from_queue(target)) {
        self.handoff = target.id.value;
        self.yields_to = true;
    }
    return {};
}

Result<std::uint64_t> handle(Tag<abi::Clock>, Caller&) { return machine::clock_nanoseconds(); }

}  // namespace quarry
