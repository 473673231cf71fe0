// How environments start, stop and end.
#include "kernel/diagnostics.hpp"
#include "kernel/dispatch.hpp"
#include "kernel/jos.hpp"
#include "kernel/kernel.hpp"
#include "machine/machine.hpp"

namespace quarry {

Result<void> Kernel::give_control_page(Environment& environment) {
    auto& space = environment.space();
    // An environment's lock is held, and the space's comes before it in order: so it is tried.
    auto const lock = HeldLock::try_take(*space.lock);
    if (!lock) {
        return busy;
    }
    PageSpan const page{control_page_of(environment), 1};
    TRY(page_alloc(space.mapped(), page, PagePerms::of(abi::permission::write), FrameSize::page,
                   IfAbsent::yes));
    auto const frame = space.mapped().tables.find(page.first).read().frame();
    FrameRef::hold(memory, UserFrame{frame}).keep();
    environment.control_frame = frame;
    environment.control = machine::object_at<abi::Control>(frame);
    return {};
}

void Kernel::start(Environment& environment) {
    if (environment.on != Environment::nowhere) {
        environment.starts_again = true;  // whoever stopped it waits to hear that it was off
        return;
    }
    environment.state = abi::EnvState::runnable;
    environment.ready_for = Environment::nobody;  // its registers may be new
    enqueue(environment);
}

// False if it is in none: another processor may have taken it out just now.
bool Kernel::remove_from_queue(Environment& environment) {
    unsigned const queue = environment.queued_on;
    return queue != Environment::nowhere && processors[queue]->ready.remove(environment, queue);
}

Result<void> Kernel::stop(Environment& environment) {
    if (environment.state == abi::EnvState::blocked) {
        TRY(leave_wait(environment));
        environment.wait = Wait::none;
        environment.saved.set_result(encode_error(Error::interrupted));
    }
    (void)remove_from_queue(environment);
    environment.state = abi::EnvState::stopped;
    environment.detours.fetch_or(Environment::Detour::stopped);
    environment.starts_again = false;
    environment.ready_for = Environment::nobody;
    if (environment.on != Environment::nowhere && environment.on != this_processor().index) {
        kick(environment.on);
    }
    return {};
}

Result<void> Kernel::end(Environment& environment, abi::EnvStatus const& how) {
    if (environment.ended()) {
        return {};
    }
    TRY(stop(environment));
    environment.state = abi::EnvState::ended;
    environment.end = how;
    environment.end.state = abi::EnvState::ended;
    return {};
}

// The rest of an end, when no processor has it any more.
void Kernel::finish_end(Environment& environment, HeldLock lock) {
    auto const id = environment.id;
    auto const how = environment.end;
    auto const notify = environment.notify;
    auto const bits = environment.notify_bits;
    auto& space = environment.space();
    auto const space_id = space.id;
    bool const is_jos = space.form().is_jos();
    if (is_jos) {
        auto const* const by = this_processor().current;
        jos::report_free(by != nullptr ? by : &environment, environment);
    }
    machine::release_vector_area(environment);
    if (environment.control != nullptr) {
        environment.control = nullptr;
        FrameRef::drop(memory, UserFrame{environment.control_frame});
    }
    bool const is_root = &environment == root_;
    bool const awaited = !environment.end_waiters.empty() || !environment.senders.empty();
    bool const was_called = environment.was_called;
    lock.release();
    if (awaited) {
        wake_all(id, Wait::end, Error::ended);
    }
    if (was_called) {
        wake_callers(id);
    }
    if (notify.value != 0) {
        post_to(notify, bits);
    }
    if (space.running.fetch_sub(1) == 1) {
        end_space_of_last(space_id, how.cause != abi::EndCause::exited && !is_jos);
    }
    if (is_root) {
        machine::power_off(how);
    }
}

Result<void> Kernel::end_and_finish(EnvironmentTable::Found found, abi::EnvStatus const& how) {
    auto& environment = *found.object;
    bool const idle = environment.on == Environment::nowhere && !environment.ended();
    TRY(end(environment, how));
    if (idle) {
        finish_end(environment, std::move(found.lock));
    }
    return {};
}

void Kernel::end_by_fault(Fault const& fault) {
    auto& environment = *this_processor().current;
    if (environment.space().form().is_jos()) {
        jos::report_fault(environment, fault);
    } else {
        report_fault(*this, environment, fault);
    }
    abi::EnvStatus how{};
    how.cause = abi::EndCause::fault;
    how.fault_vector = fault.vector;
    how.fault_address = fault.address;
    how.fault_rip = environment.saved.rip;
    end_current(how);
}

void Kernel::end_current(abi::EnvStatus const& how) {
    auto& environment = *this_processor().current;
    {
        auto const lock = HeldLock::take(*environment.lock);
        (void)end(environment, how);  // running, so in no queue: never busy
    }
    reschedule();
}

}  // namespace quarry
