// Console write and read.
#include "kernel/handlers.hpp"

#include <array>

namespace quarry {

Result<std::uint64_t> handle(Tag<abi::ConsoleWrite>, Caller&, UserSource text) {
    std::array<std::byte, 512> piece;
    auto const count = TRY(text.copy_to(piece));
    machine::console_write(as_text(Bytes{piece}.first(count)));
    return count;
}

Result<std::uint64_t> handle(Tag<abi::ConsoleRead>, Caller& caller, UserTarget to) {
    auto& console = caller.kernel.console;
    if (to.size() == 0) {
        return 0;
    }
    if (console.empty()) {
        caller.kernel.block_on_console();
        return Error::again;
    }
    // Keys are taken only once it is known that the buffer can be written.
    std::array<char, 256> keys{};
    auto const room = std::span(keys).first(to.size() < keys.size() ? to.size() : keys.size());
    TRY(to.copy_from(std::as_bytes(room)));
    auto const count = console.take_keys(room);
    TRY(to.copy_from(std::as_bytes(room.first(count))));
    return count;
}

}  // namespace quarry
