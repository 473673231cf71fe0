// Spaces and their accounts.
#include "kernel/handlers.hpp"
#include "machine/machine.hpp"

#include <array>

namespace quarry {

Result<abi::SpaceId> handle(Tag<abi::SpaceSelf>, Caller& caller) { return caller.space.id; }

Result<abi::SpaceId> handle(Tag<abi::SpaceCreate>, Caller& caller, std::uint64_t account_pages,
                            SpaceForm form, UserSource name) {
    std::array<std::byte, Space::max_name> text{};
    auto const length = TRY(name.copy_to(text));
    return caller.kernel.create_space(caller.space, account_pages, form,
                                      as_text(Bytes{text}.first(length)));
}

Result<void> handle(Tag<abi::WindowGrant>, Caller& caller, SpaceRef space, PageSpan range,
                    UserSpaceId holder) {
    auto const is_alive = [&](std::uint64_t id) {
        return caller.kernel.spaces.peek(id) != nullptr;
    };
    if (space.space().ended) {
        return Error::ended;
    }
    if (!is_alive(holder.id.value)) {
        return Error::not_found;
    }
    if (holder.id == space.space().id) {
        return Error::bad_argument;
    }
    return space.space().windows.grant(holder.id.value, range, is_alive);
}

Result<void> handle(Tag<abi::WindowRevoke>, Caller&, SpaceRef space, UserSpaceId holder) {
    if (holder.id.value == 0 || !space.space().windows.revoke(holder.id.value)) {
        return Error::not_found;
    }
    return {};
}

Result<abi::SpaceId> handle(Tag<abi::SpaceNextChild>, Caller& caller, UserSpaceId after) {
    return caller.kernel.next_child(caller.space, after.id);
}

Result<void> handle(Tag<abi::SpaceDestroy>, Caller& caller, UserSpaceId space) {
    if (space.id.value == 0 || space.id == caller.space.id) {
        return Error::not_allowed;
    }
    if (!TRY(caller.kernel.destroy_space_step(caller.space, space.id))) {
        machine::spin_pause();  // it may wait for another processor
        return Error::again;
    }
    return {};
}

Result<void> handle(Tag<abi::AccountGetStatus>, Caller& caller, SpaceRef space,
                    UserOut<abi::AccountStatus> to) {
    return to.write(caller.kernel.memory.accounts.status(space.space().account()));
}

}  // namespace quarry
