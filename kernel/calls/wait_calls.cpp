// Upcalls, interrupt bits, sleeping, waiting for words.
#include "kernel/handlers.hpp"
#include "machine/machine.hpp"

#include <optional>
#include <utility>

namespace quarry {
namespace {

// Stack and entries must be in the program's part of the address space; none at all is allowed.
// A JOS program may name any entry; it hears of a bad one when it is to be used.
Result<void> check(abi::Upcall const& upcall, Space const& space) {
    auto const top = space.user_top();
    bool const any_entry = space.form().is_jos() && upcall.entry < abi::canonical_limit;
    if ((!any_entry && !user_limit(UserAddr{upcall.entry}, top)) ||
        !user_limit(UserAddr{upcall.foreign_entry}, top) ||
        !UserBytes::parse(upcall.stack, upcall.stack_bytes, top)) {
        return Error::bad_address;
    }
    if (upcall.stack % 16 != 0 || upcall.stack_bytes % 16 != 0) {
        return Error::bad_argument;
    }
    return {};
}

// The key of a word: its address, or where it lies in the frame that the caller maps there. With a
// reference to the frame, which may be unmapped as soon as the space's lock is free again.
struct Key {
    WordKey key;
    std::optional<FrameRef> frame;
};
Result<Key> key_of(Caller& caller, UserWord const& word, std::uint64_t scope) {
    if (scope > static_cast<std::uint64_t>(abi::WordScope::shared)) {
        return Error::bad_argument;
    }
    if (scope == static_cast<std::uint64_t>(abi::WordScope::own_space)) {
        return Key{WordKey::in_space(caller.space.id, word.address()), {}};
    }
    auto const page = UserPage::containing(UserAddr{word.address()});
    LockGuard const guard(*caller.space.lock);
    auto const slot = caller.space.mapped().tables.find(page);
    if (!slot.is_mapping()) {
        return Error::not_mapped;
    }
    auto const bytes = slot.level == 0 ? page_bytes : huge_bytes;
    auto const frame = slot.read().user_frame();
    return Key{WordKey::in_frame(frame.page(), word.address() % bytes),
               FrameRef::hold(caller.kernel.memory, frame)};
}

}  // namespace

Result<std::uint64_t> handle(Tag<abi::EnvSetUpcall>, Caller& caller, EnvRef env,
                             UserIn<abi::Upcall> upcall) {
    auto const wanted = TRY(upcall.read());
    TRY(check(wanted, env.environment().space()));
    TRY(env.live());
    auto& target = env.environment();
    if (target.on != Environment::nowhere && &target != &caller.environment) {
        return Error::not_stopped;  // its processor's entry code may be reading the old one
    }
    if (target.control == nullptr && wanted.entry != 0) {
        TRY(caller.kernel.give_control_page(target));
    }
    target.upcall = wanted;
    if (target.space().form().is_jos()) {
        target.jos_upcall = std::exchange(target.upcall.entry, 0);
    }
    return control_page_of(target).start().raw();
}

Result<void> handle(Tag<abi::EnvInterrupt>, Caller& caller, EnvRef env, std::uint64_t bits) {
    TRY(env.live());
    return caller.kernel.post(env.environment(), bits);
}

Result<std::uint64_t> handle(Tag<abi::InterruptWait>, Caller& caller, std::uint64_t bits,
                             std::uint64_t deadline) {
    auto& self = caller.environment;
    auto const lock = HeldLock::take(*self.lock);
    auto const wanted = bits & ~(std::uint64_t{1} << 63);
    if (auto const taken = self.pending.fetch_and(~wanted) & wanted; taken != 0) {
        if (self.control != nullptr) {
            __atomic_fetch_and(&self.control->pending, ~taken, __ATOMIC_RELAXED);
        }
        return taken;
    }
    TRY(caller.kernel.block(self, Wait::bits, wanted, deadline, true));
    return deferred;
}

Result<void> handle(Tag<abi::Sleep>, Caller& caller, std::uint64_t deadline) {
    auto const lock = HeldLock::take(*caller.environment.lock);
    TRY(caller.kernel.block(caller.environment, Wait::time, 0, std::max<std::uint64_t>(deadline, 1),
                            true));
    return deferred;
}

Result<void> handle(Tag<abi::WordWait>, Caller& caller, UserWord word, std::uint64_t expected,
                    std::uint64_t scope, std::uint64_t deadline) {
    auto key = TRY(key_of(caller, word, scope));
    auto const lock = HeldLock::take(*caller.environment.lock);
    TRY(caller.kernel.wait_for_word(caller.environment, key.key, word.memory(),
                                    static_cast<std::uint32_t>(expected), deadline, true));
    if (key.frame) {
        std::move(*key.frame).keep();
    }
    return deferred;
}

Result<std::uint64_t> handle(Tag<abi::WordWake>, Caller& caller, UserWord word, std::uint64_t count,
                             std::uint64_t scope) {
    auto const key = TRY(key_of(caller, word, scope));
    return caller.kernel.wake_word(key.key, count);
}

}  // namespace quarry
