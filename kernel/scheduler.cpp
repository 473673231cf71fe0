// Who runs where. Each processor has a queue; one with nothing to do takes from the others, and one
// that makes an environment runnable wakes one that idles.
#include "kernel/diagnostics.hpp"
#include "kernel/kernel.hpp"
#include "kernel/trace.hpp"
#include "machine/machine.hpp"

#include <bit>
#include <utility>

namespace quarry {
namespace {

void leave_space(Processor& self, Space*& space) {
    if (auto* const left = std::exchange(space, nullptr); left != nullptr) {
        left->active.leave(self.bit);
    }
}

void use_no_space(Processor& self) {
    machine::activate_kernel_space();
    leave_space(self, self.active_space);
    leave_space(self, self.other_space);
}

// Lets a partner go straight to one that has just blocked, if it only waits for one.
void await_partner(Processor const& self, Environment& environment) {
    if (!environment.goes_straight() || environment.has_options) {
        return;
    }
    if (environment.wait == Wait::for_reply) {
        environment.ready_for = environment.wait_for | environment.vectors_flag();
    } else if (environment.wait == Wait::to_receive && environment.was_called) {
        environment.ready_for = Environment::anyone | environment.vectors_flag();
    } else {
        return;
    }
    environment.wait = Wait::none;
    environment.state.keep_as(abi::EnvState::runnable);
    environment.on = self.index;
}

// What yielded here goes into a queue, if nobody has taken it yet.
void release_yielder(Processor& self) {
    if (auto const id = self.yielder.id(); id != 0) {
        (void)the_kernel.environments.find(id);  // it settles
    }
}

}  // namespace

void Environment::settle_kept() {
    if (awaits_partner()) {
        bool const receives = (ready_for & ~with_vectors) == anyone;
        state.keep_as(abi::EnvState::blocked);
        wait = receives ? Wait::to_receive : Wait::for_reply;
        wait_for = receives ? 0 : ready_for & ~with_vectors;
        interruptible = false;
        has_options = false;
        deadline = 0;
        on = nowhere;
        ready_for = nobody;
    } else if (processors[on]->yielder.take(id.value)) {
        on = nowhere;
        saved.set_result(0);  // it yielded: a call is what it goes on from
        state.run_no_more();
        the_kernel.enqueue(*this);
    }
}

RunQueue::Slot RunQueue::slot_of(Environment const& environment) {
    return static_cast<Slot>(slot_of_id(environment.id.value));
}

Environment* RunQueue::environment_in_slot(Slot slot) {
    return slot == nobody ? nullptr : the_kernel.environments.in_slot(slot);
}

// A page call that runs now may not see that this processor begins to use the space, so its end is
// waited for: what it unmaps cannot be in this TLB yet. Who is in the set since an earlier time is asked.
void Kernel::use_space(Processor& self, Space& space) {
    if (self.active_space == &space) {
        return;
    }
    // Again if it was asked to forget something meanwhile, and so left.
    while (!space.active.has(self.bit)) {
        space.active.enter(self.bit);
        while (space.lock->is_taken()) [[unlikely]] {
            machine::spin_pause();
        }
    }
    if (self.other_space == &space) {
        self.other_space = nullptr;
    }
    auto* before = std::exchange(self.active_space, &space);
    machine::activate(space.root());
    leave_space(self, before);
    leave_space(self, self.other_space);
}

void Kernel::kick(unsigned processor) { machine::interrupt_processor(*processors[processor]); }

void Kernel::enqueue(Environment& environment) {
    auto& self = this_processor();
    self.ready.push(environment, self.index);
    offer_work(self);
}

// One more waits to run on this processor.
void Kernel::offer_work(Processor& self) {
    if (auto const idle = idle_.load() & ~self.bit; idle != 0) [[unlikely]] {
        kick(static_cast<unsigned>(std::countr_zero(idle)));
    }
    // Also then: the one that was woken may take something else.
    if (self.timer_at == TimerQueue::never) {
        set_timer();
    }
}

// The one that ran stays here as the yielder, for whom it yielded to. Its space is not at hand: the
// processor has left it when that one runs.
void Kernel::keep_as_yielder(Processor& self, Environment& environment) {
    environment.on = self.index;
    self.yielder.set(environment.id.value, environment.slot_offset, false);
    offer_work(self);
}

void Kernel::set_timer() {
    auto& self = this_processor();
    auto at = self.deadlines.first();
    if (self.others_wait()) {
        at = std::min(at, machine::clock_nanoseconds() + slice_nanoseconds);
    }
    if (at != self.timer_at) {
        self.timer_at = at;
        machine::set_timer(at);
    }
}

void Kernel::tick() {
    auto& self = this_processor();
    idle_.leave(self.bit);
    self.timer_at = TimerQueue::never;
    expire_deadlines();
    self.yield = self.yield || self.others_wait();
    set_timer();
}

// Takes the environment that ran off the processor.
void Kernel::put_off(Processor& self) {
    machine::leave(*self.current);
    let_go(self);
}

// Others may have the current environment from here on. Its registers are all in memory.
void Kernel::let_go(Processor& self) {
    auto& environment = *self.current;
    bool const yields_to = std::exchange(self.yields_to, false);
    auto lock = HeldLock::take(*environment.lock);
    self.current = nullptr;
    environment.on = Environment::nowhere;
    environment.forget_detours();
    if (environment.state == abi::EnvState::runnable) {
        if (yields_to && environment.goes_straight()) {
            keep_as_yielder(self, environment);
        } else {
            environment.state.run_no_more();
            enqueue(environment);
        }
    } else if (environment.state == abi::EnvState::blocked) {
        await_partner(self, environment);
    } else if (environment.ended()) {
        finish_end(environment, std::move(lock));
    } else if (environment.state == abi::EnvState::stopped) {
        auto const id = environment.id;
        bool const awaited = !environment.end_waiters.empty();
        if (std::exchange(environment.starts_again, false)) {
            start(environment);
        }
        lock.release();
        if (awaited) {
            wake_all(id, Wait::off, Error::none);
        }
    }
}

std::uint64_t Kernel::next_id(Processor& self) {
    if (auto const id = std::exchange(self.handoff, 0); id != 0) {
        return id;
    }
    release_yielder(self);
    if (auto const id = self.ready.pop(); id != 0) {
        return id;
    }
    auto const count = processor_count.load(std::memory_order_relaxed);
    for (unsigned i = 1; i < count; ++i) {
        auto& other = *processors[(self.index + i) % count];
        if (auto const id = other.ready.pop(); id != 0) {
            return id;
        }
        release_yielder(other);  // into this processor's queue
        if (auto const id = self.ready.pop(); id != 0) {
            return id;
        }
    }
    return 0;
}

// Runs the environment with this id unless it was stopped or taken meanwhile. Returns only then, or
// in tests.
bool Kernel::run_one(Processor& self, std::uint64_t id) {
    auto found = environments.find(id);
    if (found.object == nullptr) {
        return false;
    }
    auto& environment = *found.object;
    if (environment.state != abi::EnvState::runnable || environment.on != Environment::nowhere ||
        environment.queued_on != Environment::nowhere) {
        return false;
    }
    environment.on = self.index;
    environment.ready_for = Environment::nobody;
    environment.state.run_on(self.index);
    self.current = &environment;
    found.lock.release();
    use_space(self, environment.space());
    if (ended_count_.load(std::memory_order_relaxed) != 0) {
        reclaim_step();
    }
    if (self.others_wait() && self.timer_at == TimerQueue::never) {
        set_timer();
    }
    if (environment.traces_result) [[unlikely]] {
        environment.traces_result = false;
        tracing::write("[{} {:x}] ...", environment.space().name(), environment.id.value);
        tracing::print_result(environment.saved.result());
    }
    if (environment.pending.load(std::memory_order_relaxed) != 0 && !take_interrupt(environment)) {
        auto const lock = HeldLock::take(*environment.lock);
        (void)end(environment,
                  {.cause = abi::EndCause::fault, .fault_vector = abi::upcall_interrupt});
    }
    if (environment.state != abi::EnvState::runnable) {
        let_go(self);  // it was not entered: the processor's registers are another one's
        return false;
    }
    machine::enter(environment);
    return true;
}

// Unless a processor makes something run.
bool Kernel::nothing_can_run() {
    bool sleepers = console.readers_waiting() || ended_count_.load() != 0;
    each_processor([&](Processor const& processor) {
        sleepers =
            sleepers || processor.others_wait() || processor.deadlines.first() != TimerQueue::never;
    });
    return !sleepers;
}

// Nothing will ever run again. A machine that began with a JOS program ends so, when its last
// environment has.
void Kernel::end_machine() {
    if (root_ == nullptr) {
        print("No runnable environments in the system!\n");
        bool any = false;
        environments.each([&](Environment const&) { any = true; });
        if (!any) {
            machine::power_off({.cause = abi::EndCause::exited});
            return;
        }
    }
    constexpr std::size_t most_shown = 16;
    print("\n");
    print_environments(*this, most_shown, nullptr);
    machine::power_off_idle();
}

void Kernel::idle(Processor& self) {
    use_no_space(self);
    if (reclaim_step()) {
        return;
    }
    idle_.enter(self.bit);
    // Whoever makes something runnable from here on sees that this one idles.
    bool work = false;
    each_processor([&](Processor const& processor) { work = work || processor.others_wait(); });
    if (!work) {
        auto const all = ~std::uint64_t{0} >> (64 - processor_count.load());
        if (idle_.for_ever(all, [this] { return nothing_can_run(); })) {
            end_machine();
            self.stopped = true;
        } else {
            set_timer();
            self.stopped = !machine::wait_for_interrupt();
        }
    }
    idle_.leave(self.bit);
}

void Kernel::reschedule() {
    auto& self = this_processor();
    self.yield = false;
    self.stopped = false;
    release_yielder(self);
    if (self.current != nullptr) {
        put_off(self);
    }
    while (!self.stopped) {
        auto const id = next_id(self);
        if (id == 0) {
            idle(self);
        } else if (run_one(self, id)) {
            return;  // only in tests
        }
    }
}

}  // namespace quarry
