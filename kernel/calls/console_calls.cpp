// Console write and read.
#include "kernel/handlers.hpp"

#include <algorithm>
#include <array>

namespace quarry {

Result<std::uint64_t> handle(Tag<abi::ConsoleWrite>, Caller&, UserSource text) {
    std::array<std::byte, abi::console_write_bytes> piece;
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
    // Keys are dropped only once the program has them: a bad buffer loses none.
    std::array<char, 256> keys;
    auto const room = std::span(keys).first(std::min(to.size(), keys.size()));
    auto const count = console.peek_keys(room);
    TRY(to.copy_from(std::as_bytes(room.first(count))));
    console.drop_keys(count);
    return count;
}

}  // namespace quarry
