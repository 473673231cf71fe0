// Blocking and waking. A blocked environment is in at most one structure, named by its Wait; what
// takes it out also says what its call returns.
#include "kernel/dispatch.hpp"
#include "kernel/kernel.hpp"
#include "machine/machine.hpp"

namespace quarry {

std::uint64_t Kernel::deliverable(Environment const& environment) {
    auto const pending = environment.pending.load();
    if (pending == 0 || environment.control == nullptr) {
        return 0;
    }
    return pending & ~__atomic_load_n(&environment.control->mask, __ATOMIC_RELAXED);
}

Result<void> Kernel::block(Environment& caller, Wait wait, std::uint64_t what,
                           std::uint64_t deadline, bool interruptible) {
    if (caller.state != abi::EnvState::runnable) {
        return Error::interrupted;  // stopped or ended while it made this call
    }
    auto const wanted = wait == Wait::bits ? what : ~std::uint64_t{0};
    if (interruptible && (caller.pending.load() & wanted) != 0) {
        return Error::interrupted;
    }
    caller.deadline = deadline;
    if (deadline != 0) {
        if (deadline <= machine::clock_nanoseconds()) {
            return Error::timed_out;
        }
        auto& self = this_processor();
        if (self.deadlines.push(caller, self.index)) {
            set_timer();
        }
    }
    caller.state = abi::EnvState::blocked;
    caller.wait = wait;
    caller.wait_for = what;
    caller.interruptible = interruptible;
    return {};
}

void Kernel::cancel_deadline(Environment& environment) {
    unsigned const queue = environment.timer_on;
    if (queue != Environment::nowhere) {
        processors[queue]->deadlines.remove(environment, queue);
    }
}

void Kernel::unblock(Environment& caller) {
    caller.wait = Wait::none;
    caller.state = abi::EnvState::runnable;
    cancel_deadline(caller);
}

Result<void> Kernel::leave_wait(Environment& environment) {
    switch (environment.wait) {
        case Wait::none:
        case Wait::time:
        case Wait::bits:
        case Wait::for_reply:
            break;
        case Wait::keys:
            console.remove_reader(environment);
            break;
        case Wait::word:
            leave_word(environment);
            break;
        case Wait::to_receive:
            if (environment.wait_for == 0) {
                break;
            }
            [[fallthrough]];
        case Wait::end:
        case Wait::off:
        case Wait::to_send: {
            // It is in a list of the other one's, under that one's lock.
            auto other = environments.find(environment.wait_for, true);
            if (other.busy) {
                return busy;
            }
            if (other.object != nullptr) {
                list_of(*other.object, environment.wait).remove(environment);
            }
            break;
        }
    }
    cancel_deadline(environment);
    return {};
}

EnvironmentQueue& Kernel::list_of(Environment& other, Wait wait) {
    return wait == Wait::to_send ? other.senders : other.end_waiters;
}

void Kernel::end_wait(Environment& environment, std::uint64_t result, bool run_next) {
    environment.wait = Wait::none;
    environment.ready_for = Environment::nobody;
    environment.saved.set_result(result);
    environment.state = abi::EnvState::runnable;
    if (environment.on != Environment::nowhere) {
        return;  // it has not let go of its processor yet, which will queue it then
    }
    auto& self = this_processor();
    if (run_next && self.handoff == 0) {
        self.handoff = environment.id.value;
    } else {
        enqueue(environment);
    }
}

void Kernel::wake_all(abi::EnvId target, Wait wait, Error result) {
    auto const word = result == Error::none ? 0 : encode_error(result);
    for (;;) {
        auto found = environments.find(target.value);
        if (found.object == nullptr) {
            return;
        }
        auto& environment = *found.object;
        Environment* waiter = environment.end_waiters.first();
        if (wait == Wait::end && waiter == nullptr) {
            waiter = environment.senders.first();
        }
        if (wait == Wait::off) {
            while (waiter != nullptr && waiter->wait != Wait::off) {
                waiter = environment.end_waiters.after(*waiter);
            }
        }
        if (waiter == nullptr) {
            return;
        }
        // Its own lock is of the same rank: tried, not waited for.
        auto other = environments.find(waiter->id.value, true);
        if (other.object == nullptr) {
            found.lock.release();
            machine::spin_pause();
            continue;
        }
        list_of(environment, waiter->wait).remove(*waiter);
        cancel_deadline(*waiter);
        bool const awaited = waiter->wait == Wait::end || waiter->wait == Wait::off;
        end_wait(*waiter, awaited ? 0 : word);
    }
}

// Who waits for a reply is in no list: the rare end of one that was called looks at everybody.
void Kernel::wake_callers(abi::EnvId target) {
    environments.each_id([&](std::uint64_t id) {
        interrupt_wait_of(id, Error::ended, [&](Environment const& environment) {
            return environment.wait == Wait::for_reply && environment.wait_for == target.value;
        });
    });
}

template <typename Condition>
void Kernel::interrupt_wait_of(std::uint64_t id, Error result, Condition condition) {
    for (;;) {
        auto found = environments.find(id);
        if (found.object == nullptr || found.object->state != abi::EnvState::blocked ||
            !condition(*found.object)) {
            return;
        }
        if (leave_wait(*found.object)) {
            end_wait(*found.object, encode_error(result));
            return;
        }
        found.lock.release();
        machine::spin_pause();
    }
}

void Kernel::expire_deadlines() {
    auto& self = this_processor();
    if (self.deadlines.first() == TimerQueue::never) {
        return;
    }
    auto const now = machine::clock_nanoseconds();
    while (auto const id = self.deadlines.pop_due(now)) {
        interrupt_wait_of(id, Error::timed_out, [&](Environment const& environment) {
            return environment.deadline != 0 && environment.deadline <= now;
        });
    }
}

void Kernel::key_pressed(char key) {
    idle_.leave(this_processor().bit);
    console.put_key(key);
    while (auto const id = console.pop_reader()) {
        auto found = environments.find(id);
        if (found.object != nullptr && found.object->state == abi::EnvState::blocked &&
            found.object->wait == Wait::keys) {
            end_wait(*found.object, encode_error(Error::again));
        }
    }
}

Result<void> Kernel::post(Environment& environment, std::uint64_t bits) {
    if (environment.state == abi::EnvState::blocked && environment.interruptible) {
        bool const wakes = environment.wait != Wait::bits || (environment.wait_for & bits) != 0;
        if (wakes) {
            TRY(leave_wait(environment));
            end_wait(environment, encode_error(Error::interrupted));
        }
    }
    environment.pending.fetch_or(bits);
    environment.detours.fetch_or(Environment::Detour::pending);
    environment.ready_for = Environment::nobody;
    if (environment.control != nullptr) {
        __atomic_fetch_or(&environment.control->pending, bits, __ATOMIC_RELAXED);
    }
    if (environment.on != Environment::nowhere && environment.on != this_processor().index) {
        kick(environment.on);
    }
    return {};
}

void Kernel::post_to(abi::EnvId id, std::uint64_t bits) {
    for (;;) {
        auto found = environments.find(id.value);
        if (found.object == nullptr || found.object->ended() || post(*found.object, bits)) {
            return;
        }
        found.lock.release();
        machine::spin_pause();
    }
}

}  // namespace quarry
