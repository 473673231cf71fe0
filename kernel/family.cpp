// Who created whom: spaces and their environments come and go here.
#include "kernel/jos.hpp"
#include "kernel/kernel.hpp"
#include "machine/machine.hpp"

#include <memory>

namespace quarry {

constinit Kernel the_kernel;
alignas(page_bytes) constinit std::array<abi::EnvView, abi::env_view_slots> env_view_array{};

namespace {

// A frame for a kernel object, charged to `account`. Its contents are unknown.
Result<PhysPage> allocate_object(Memory& memory, AccountIndex account) {
    auto charge = TRY(Charge::make(memory.accounts, account, 1));
    auto const frame = TRY(memory.allocate_page());
    memory.meta(frame).reset(FrameKind::object, FrameCounts{0});
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

// Links a table of the kernel's, or the root itself, into a space that is being made.
Result<void> link_table(Memory& memory, Space& space, std::uint64_t address, unsigned level,
                        PhysPage table) {
    auto const page = UserPage::containing(UserAddr{address});
    auto const tables = space.tables().missing({page, 1}, level);
    auto charge = TRY(Charge::make(memory.accounts, space.account(), tables));
    auto reserve = TRY(TableReserve::allocate(memory, tables));
    charge.keep();
    auto const slot = space.tables().make(memory, page, level, reserve);
    PageTables::exchange(memory, slot, Pte::kernels_table(table));
    return {};
}

// What its form says beyond empty tables.
Result<void> furnish(Memory& memory, Space& space) {
    auto const form = space.form();
    if (form.has_views()) {
        TRY(link_table(memory, space, abi::views_base, 2, machine::views_table()));
    }
    if (form.has_self_map()) {
        TRY(link_table(memory, space, form.self_map().pages(), 3, space.root()));
    }
    if (form.is_jos()) {
        TRY(link_table(memory, space, abi::jos_probe_low, 1, machine::probe_table()));
        TRY(link_table(memory, space, abi::jos_probe_high, 1, machine::probe_table()));
    }
    return {};
}

}  // namespace

void Kernel::free_object(PhysPage frame, AccountIndex account) {
    memory.free_page(frame);
    memory.accounts.uncharge(account, 1);
}

Result<Space*> Kernel::make_space(AccountIndex account, Space* creator, SpaceForm form,
                                  std::string_view name, bool owns_account) {
    auto const frame = TRY(allocate_object(memory, account));
    auto const root = allocate_root_table(memory, account);
    if (!root) {
        free_object(frame, account);
        return root.error();
    }
    auto* const space =
        std::construct_at(machine::object_at<Space>(frame), memory, *root, frame, account, form);
    space->set_name(name);
    space->owns_account = owns_account;
    space->creator_id = creator != nullptr ? creator->id.value : 0;
    if (auto const furnished = furnish(memory, *space); !furnished) {
        free_space(*space);
        return furnished.error();
    }
    LockGuard const guard(family_);
    auto const id = spaces.reserve();
    if (!id) {
        free_space(*space);
        return id.error();
    }
    space->id = {*id};
    space->lock = &spaces.lock_of(*id);
    space->creator = creator;
    spaces.publish(*id, *space);
    if (creator != nullptr) {
        creator->children.push_back(*space);
    }
    return space;
}

// One that no other processor has seen.
void Kernel::free_space(Space& space) {
    while (!tear_down_step(space.mapped(), tear_down_budget)) {
    }
    auto const frame = space.own_frame();
    auto const root = space.root();
    auto const account = space.account();
    std::destroy_at(&space);
    free_object(frame, account);
    free_object(root, account);
}

Result<Space*> Kernel::create_root_space(std::uint64_t limit_pages, SpaceForm form,
                                         std::string_view name) {
    return make_space(memory.accounts.create_root(limit_pages), nullptr, form, name, false);
}

Result<abi::SpaceId> Kernel::create_space(Space& creator, std::uint64_t account_pages,
                                          SpaceForm form, std::string_view name) {
    AccountIndex account = creator.account();
    if (account_pages == 0) {
        memory.accounts.share(account);
    } else {
        account = TRY(memory.accounts.split(account, account_pages));
    }
    auto const space = make_space(account, &creator, form, name, account_pages != 0);
    if (!space) {
        memory.accounts.release(account);
        return space.error();
    }
    return (*space)->id;
}

// Nothing will run in it again. Under the space's lock too.
void Kernel::end_space(Space& space, bool keep_memory) {
    if (!space.ended) {
        space.ended = true;
        // Its children pass to its creator. The first space's end is the machine's end.
        while (auto* const child = space.children.pop_front()) {
            child->creator = space.creator;
            child->creator_id = space.creator_id.load();
            if (space.creator != nullptr) {
                space.creator->children.push_back(*child);
            }
        }
    }
    if (!keep_memory && !ended_.contains_link(space)) {
        ended_.push_back(space);
        ++ended_count_;
    }
}

void Kernel::end_space_of_last(abi::SpaceId id, bool keep_memory) {
    LockGuard const guard(family_);
    auto const found = spaces.find(id.value);
    if (found.object != nullptr) {
        end_space(*found.object, keep_memory);
    }
}

// An environment of a space that is to be destroyed, if any still lives.
Result<EnvironmentTable::Found> Kernel::find_live(Space const& caller, abi::SpaceId id) {
    auto const found = spaces.find(id.value);
    if (found.object == nullptr) {
        return Error::not_found;
    }
    if (found.object->creator_id != caller.id.value) {
        return Error::not_allowed;
    }
    if (found.object->owns_account) {
        memory.accounts.close(found.object->account());
    }
    for (auto* environment = found.object->first_environment; environment != nullptr;
         environment = environment->next_in_space) {
        if (!environment->ended()) {
            return environments.find(environment->id.value);
        }
    }
    return EnvironmentTable::Found{};
}

Result<bool> Kernel::destroy_space_step(Space const& caller, abi::SpaceId id) {
    for (;;) {
        auto found = TRY(find_live(caller, id));
        if (found.object == nullptr) {
            break;
        }
        abi::EnvStatus how{};
        how.cause = abi::EndCause::destroyed;
        if (found.object->on != Environment::nowhere) {
            (void)end(*found.object, how);  // its processor does the rest
            return false;
        }
        if (!end_and_finish(std::move(found), how)) {
            machine::spin_pause();
        }
    }
    LockGuard const guard(family_);
    auto const found = spaces.find(id.value);
    if (found.object == nullptr) {
        return Error::not_found;
    }
    auto& space = *found.object;
    if (space.running != 0) {
        return false;  // one that is at its end is still in its last call, and may create a child
    }
    end_space(space, true);
    if (!torn_down(space)) {
        return false;
    }
    reap_all(space);
    unlink(space);
    return true;
}

Result<abi::SpaceId> Kernel::next_child(Space const& caller, abi::SpaceId after) {
    LockGuard const guard(family_);
    std::optional<abi::SpaceId> next;
    for (auto* child = caller.children.first(); child != nullptr;
         child = caller.children.after(*child)) {
        if (child->id.value > after.value && (!next || child->id.value < next->value)) {
            next = child->id;
        }
    }
    if (!next) {
        return Error::not_found;
    }
    return *next;
}

// One step; false while anything is left, or a processor has not let go of the space yet.
bool Kernel::torn_down(Space& space) {
    if (auto& self = this_processor(); self.other_space == &space) {
        self.other_space = nullptr;
        self.yielder.not_at_hand();
        space.active.leave(self.bit);
    }
    if (auto const others = space.active.load() & ~processor_bit(); others != 0) {
        shoot_down(others, space.active, {});
        if ((space.active.load() & others) != 0) {
            return false;
        }
    }
    return tear_down_step(space.mapped(), tear_down_budget);
}

// Under the space's lock.
void Kernel::reap_all(Space& space) {
    while (auto* const environment = space.first_environment) {
        space.first_environment = environment->next_in_space;
        free_environment(*environment);
    }
}

// Under its space's lock; it has ended.
void Kernel::free_environment(Environment& environment) {
    (void)page_unmap(environment.space().mapped(), {control_page_of(environment), 1});
    auto const id = environment.id.value;
    auto const frame = environment.own_frame();
    auto const account = environment.space().account();
    {
        auto const lock = HeldLock::take(*environment.lock);
        environments.retire(id);
        std::destroy_at(&environment);
        auto& view = env_view_array[slot_of_id(id)];
        show(view.id, std::uint64_t{0});
        show(view.jos_id, std::int32_t{0});
        show(view.status, abi::ViewStatus::free);
    }
    environments.release(id);
    free_object(frame, account);
}

// The last of a space: all it had is gone.
void Kernel::unlink(Space& space) {
    if (ended_.contains_link(space)) {
        ended_.remove(space);
        --ended_count_;
    }
    if (space.creator != nullptr) {
        space.creator->children.remove(space);
    }
    auto const id = space.id.value;
    auto const account = space.account();
    auto const root = space.root();
    auto const frame = space.own_frame();
    std::destroy_at(&space);
    spaces.retire(id);
    spaces.release(id);
    free_object(root, account);
    free_object(frame, account);
    memory.accounts.release(account);
}

bool Kernel::reclaim_step() {
    if (ended_count_.load(std::memory_order_relaxed) == 0) {
        return false;
    }
    LockGuard const guard(family_);
    auto* const space = ended_.first();
    if (space == nullptr) {
        return false;
    }
    auto const found = spaces.find(space->id.value);
    if (torn_down(*space)) {
        if (space->form().is_jos()) {  // nothing of it waits for its creator
            reap_all(*space);
            unlink(*space);
        } else {
            ended_.remove(*space);
            --ended_count_;
        }
    }
    return true;
}

Result<Environment*> Kernel::create_environment(Space& space, UserAddr entry, UserAddr stack,
                                                std::uint64_t argument,
                                                Environment const* creator) {
    if (space.ended) {
        return Error::ended;
    }
    auto const frame = TRY(allocate_object(memory, space.account()));
    auto* const environment =
        std::construct_at(machine::object_at<Environment>(frame), space, frame);
    environment->saved.start_at(entry.raw(), stack.raw(), argument);
    auto const id = environments.reserve();
    if (!id) {
        std::destroy_at(environment);
        free_object(frame, space.account());
        return id.error();
    }
    environment->id = {*id};
    environment->lock = &environments.lock_of(*id);
    environment->slot_offset = environments.slot_offset(*id);
    environment->next_in_space = space.first_environment;
    space.first_environment = environment;
    space.running.fetch_add(1);
    auto& view = env_view_array[slot_of_id(*id)];
    show(view.id, *id);
    show(view.space, space.id.value);
    show(view.jos_id, abi::jos_id_of({*id}));
    show(view.jos_parent, creator != nullptr ? abi::jos_id_of(creator->id) : std::int32_t{0});
    environment->state.appear(view);
    environments.publish(*id, *environment);
    if (root_ == nullptr && !space.form().is_jos()) {
        root_ = environment;
    }
    if (space.form().is_jos()) {
        jos::report_new(creator, *environment);
    }
    return environment;
}

Result<void> Kernel::reap(abi::EnvId id) {
    abi::SpaceId space_id{};
    {
        auto const found = environments.find(id.value);
        if (found.object == nullptr) {
            return Error::not_found;
        }
        space_id = found.object->space().id;
    }
    auto const found = spaces.find(space_id.value);
    if (found.object == nullptr) {
        return Error::not_found;
    }
    auto** link = &found.object->first_environment;
    while (*link != nullptr && (*link)->id != id) {
        link = &(*link)->next_in_space;
    }
    auto* const environment = *link;
    if (environment == nullptr || !environment->ended() ||
        environment->on != Environment::nowhere) {
        return Error::not_found;  // somebody else was quicker
    }
    *link = environment->next_in_space;
    free_environment(*environment);
    return {};
}

}  // namespace quarry
