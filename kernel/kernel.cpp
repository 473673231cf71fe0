#include "kernel/kernel.hpp"

#include "kernel/diagnostics.hpp"

#include <algorithm>
#include <memory>

namespace quarry {

constinit Kernel the_kernel;

namespace {

// A zeroed frame for a kernel object, charged to `account`.
Result<PhysPage> allocate_object(Memory& memory, AccountIndex account) {
    auto charge = TRY(Charge::make(memory.accounts, account, 1));
    auto const frame = TRY(memory.frames.allocate_page());
    memory.frames.meta(frame) = {};
    memory.frames.meta(frame).kind = FrameKind::object;
    charge.keep();
    return frame;
}

Result<PhysPage> allocate_root_table(Memory& memory, AccountIndex account) {
    auto charge = TRY(Charge::make(memory.accounts, account, 1));
    auto reserve = TRY(TableReserve::allocate(memory, 1));
    charge.keep();
    auto const root = reserve.take().page();
    machine::prepare_root(root);
    return root;
}

}  // namespace

void Kernel::free_object(PhysPage frame, AccountIndex account) {
    memory.frames.free_page(frame);
    memory.accounts.uncharge(account, 1);
}

Result<Space*> Kernel::make_space(AccountIndex account, Space* creator) {
    auto const frame = TRY(allocate_object(memory, account));
    auto const root = allocate_root_table(memory, account);
    if (!root) {
        free_object(frame, account);
        return root.error();
    }
    auto* const space =
        std::construct_at(machine::object_at<Space>(frame), memory, *root, frame, account, creator);
    auto const id = spaces.insert(*space);
    if (!id) {
        std::destroy_at(space);
        free_object(frame, account);
        free_object(*root, account);
        return id.error();
    }
    space->id = {*id};
    if (creator != nullptr) {
        creator->children.push_back(*space);
    }
    return space;
}

Result<Space*> Kernel::create_root_space(std::uint64_t limit_pages) {
    return make_space(memory.accounts.create_root(limit_pages), nullptr);
}

Result<Space*> Kernel::create_space(Space& creator, std::uint64_t account_pages) {
    AccountIndex account = creator.account();
    if (account_pages == 0) {
        memory.accounts.share(account);
    } else {
        account = TRY(memory.accounts.split(account, account_pages));
    }
    auto space = make_space(account, &creator);
    if (!space) {
        memory.accounts.release(account);
    }
    return space;
}

void Kernel::end_space(Space& space, bool keep_memory) {
    if (!space.ended) {
        space.ended = true;
        // Its children pass to its creator. The first space's end is the machine's end.
        while (auto* const child = space.children.pop_front()) {
            child->creator = space.creator;
            if (space.creator != nullptr) {
                space.creator->children.push_back(*child);
            }
        }
    }
    if (!keep_memory && !ended_.contains_link(space)) {
        ended_.push_back(space);
    }
}

bool Kernel::destroy_space_step(Space& space) {
    for (auto* environment = space.first_environment; environment != nullptr;
         environment = environment->next_in_space) {
        end(*environment, {.state = abi::EnvState::ended,
                           .cause = abi::EndCause::destroyed,
                           .exit_status = 0,
                           .fault_vector = 0,
                           .fault_address = 0,
                           .fault_rip = 0});
    }
    end_space(space, true);
    if (!tear_down_step(space.mapped(), tear_down_budget)) {
        return false;
    }
    while (space.first_environment != nullptr) {
        reap(*space.first_environment);
    }
    if (ended_.contains_link(space)) {
        ended_.remove(space);
    }
    if (space.creator != nullptr) {
        space.creator->children.remove(space);
    }
    spaces.remove(space.id.value);
    auto const account = space.account();
    auto const root = space.root();
    auto const frame = space.own_frame();
    std::destroy_at(&space);
    free_object(root, account);
    free_object(frame, account);
    memory.accounts.release(account);
    return true;
}

bool Kernel::reclaim_step() {
    auto* const space = ended_.first();
    if (space == nullptr) {
        return false;
    }
    if (tear_down_step(space->mapped(), tear_down_budget)) {
        ended_.remove(*space);
    }
    return true;
}

Result<Environment*> Kernel::create_environment(Space& space, UserAddr entry, UserAddr stack,
                                                std::uint64_t argument) {
    if (space.ended) {
        return Error::ended;
    }
    auto const frame = TRY(allocate_object(memory, space.account()));
    auto* const environment =
        std::construct_at(machine::object_at<Environment>(frame), space, frame);
    auto const id = environments.insert(*environment);
    if (!id) {
        std::destroy_at(environment);
        free_object(frame, space.account());
        return id.error();
    }
    environment->id = {*id};
    environment->saved.start_at(entry.raw(), stack.raw(), argument);
    environment->next_in_space = space.first_environment;
    space.first_environment = environment;
    ++space.running;
    if (root_ == nullptr) {
        root_ = environment;
    }
    return environment;
}

void Kernel::start(Environment& environment) {
    environment.state = abi::EnvState::runnable;
    if (&environment != current) {
        ready_.push_back(environment);
    }
}

void Kernel::stop(Environment& environment) {
    if (environment.state == abi::EnvState::runnable && &environment != current) {
        ready_.remove(environment);
    } else if (environment.state == abi::EnvState::blocked) {
        console.readers.remove(environment);
    }
    environment.state = abi::EnvState::stopped;
}

void Kernel::end(Environment& environment, abi::EnvStatus how) {
    if (environment.state == abi::EnvState::ended) {
        return;
    }
    stop(environment);
    environment.state = abi::EnvState::ended;
    environment.end = how;
    machine::release_vector_area(environment);
    auto& space = environment.space();
    if (--space.running == 0) {
        end_space(space, how.cause != abi::EndCause::exited);
    }
    if (&environment == root_) {
        machine::power_off(how);
    }
}

void Kernel::reap(Environment& environment) {
    auto& space = environment.space();
    auto** link = &space.first_environment;
    while (*link != &environment) {
        link = &(*link)->next_in_space;
    }
    *link = environment.next_in_space;
    environments.remove(environment.id.value);
    auto const frame = environment.own_frame();
    std::destroy_at(&environment);
    free_object(frame, space.account());
}

void Kernel::end_by_fault(Fault const& fault) {
    auto& environment = *current;
    report_fault(*this, environment, fault);
    end(environment, {.state = abi::EnvState::ended,
                      .cause = abi::EndCause::fault,
                      .exit_status = 0,
                      .fault_vector = fault.vector,
                      .fault_address = fault.address,
                      .fault_rip = environment.saved.rip});
    reschedule();
}

void Kernel::block_on_console() {
    current->state = abi::EnvState::blocked;
    console.readers.push_back(*current);
}

void Kernel::key_pressed(char key) {
    console.put_key(key);
    while (auto* const reader = console.readers.pop_front()) {
        start(*reader);
    }
}

void Kernel::reschedule() {
    yield_ = false;
    if (current != nullptr && current->state != abi::EnvState::ended) {
        machine::leave(*current);
    }
    if (current != nullptr && current->state == abi::EnvState::runnable) {
        ready_.push_back(*current);
    }
    current = nullptr;
    while (ready_.empty()) {
        machine::activate_kernel_space();
        if (reclaim_step()) {
            continue;
        }
        if (console.readers.empty()) {
            machine::power_off_idle();
            return;
        }
        if (!machine::wait_for_interrupt()) {
            return;
        }
    }
    current = ready_.pop_front();
    machine::activate(current->space().root());
    reclaim_step();
    machine::enter(*current);
}

}  // namespace quarry
