// Console write and read.
#include "kernel/handlers.hpp"
#include "kernel/jos.hpp"

#include <algorithm>
#include <array>

namespace quarry {

Result<std::uint64_t> handle(Tag<abi::ConsoleWrite>, Caller& caller, UserSource text) {
    // JOS writes all of it or nothing.
    if (caller.space.form().is_jos() &&
        jos::first_unreadable(caller.space, text.address().raw(), text.size())) {
        return Error::bad_buffer;
    }
    std::array<std::byte, abi::console_write_bytes> piece;
    auto const count = TRY(text.copy_to(piece));
    machine::console_write(as_text(Bytes{piece}.first(count)));
    return count;
}

Result<std::uint64_t> handle(Tag<abi::ConsoleRead>, Caller& caller, UserTarget to,
                             std::uint64_t deadline) {
    auto& console = caller.kernel.console;
    if (to.size() == 0) {
        return 0;
    }
    // Keys are dropped only once the program has them: a bad buffer loses none.
    std::array<char, 256> keys;
    auto const room = std::span(keys).first(std::min(to.size(), keys.size()));
    auto const count = console.peek_keys(room);
    if (count != 0) {
        TRY(to.copy_from(std::as_bytes(room.first(count))));
        console.drop_keys(count);
        return count;
    }
    auto& self = caller.environment;
    auto const lock = HeldLock::take(*self.lock);
    TRY(caller.kernel.block(self, Wait::keys, 0, deadline, true));
    if (!console.add_reader(self)) {
        caller.kernel.unblock(self);
        return Error::again;
    }
    return deferred;
}

}  // namespace quarry
