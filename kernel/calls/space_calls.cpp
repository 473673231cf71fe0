// Spaces and their accounts.
#include "kernel/handlers.hpp"

#include <array>

namespace quarry {

Result<abi::SpaceId> handle(Tag<abi::SpaceSelf>, Caller& caller) { return caller.space.id; }

Result<abi::SpaceId> handle(Tag<abi::SpaceCreate>, Caller& caller, std::uint64_t account_pages,
                            UserSource name) {
    std::array<std::byte, Space::max_name> text{};
    auto const length = TRY(name.copy_to(text));
    auto* const space = TRY(caller.kernel.create_space(caller.space, account_pages));
    space->set_name(as_text(Bytes{text}.first(length)));
    return space->id;
}

Result<void> handle(Tag<abi::SpaceDestroy>, Caller& caller, SpaceRef space) {
    if (&space.space() == &caller.space) {
        return Error::not_allowed;
    }
    if (!caller.kernel.destroy_space_step(space.space())) {
        return Error::again;
    }
    return {};
}

Result<void> handle(Tag<abi::AccountGetStatus>, Caller& caller, SpaceRef space,
                    UserOut<abi::AccountStatus> to) {
    return to.write(caller.kernel.memory.accounts.status(space.space().account()));
}

}  // namespace quarry
