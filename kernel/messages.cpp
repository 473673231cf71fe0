// Messages between environments: call, send, receive, reply. A message goes from registers to
// registers when both sides are there; whoever comes first waits as saved state. Nothing is
// buffered, so nobody can fill the kernel with messages.
#include "kernel/decode.hpp"
#include "kernel/dispatch.hpp"
#include "kernel/kernel.hpp"
#include "machine/machine.hpp"

namespace quarry {
namespace {

constexpr abi::IpcOptions no_options{};

abi::IpcOptions const& options_of(Environment const& environment) {
    return environment.has_options ? environment.letter.options : no_options;
}

bool accepts(Environment const& receiver, Environment const& sender) {
    return receiver.state == abi::EnvState::blocked && receiver.wait == Wait::to_receive &&
           (receiver.wait_for == 0 || receiver.wait_for == sender.id.value);
}

// Maps the pages that `from` offers into the window that `to` opened, at the receiver's cost.
// Returns how many.
Result<std::uint64_t> transfer_pages(Environment& from, Environment& to) {
    auto const& offer = options_of(from);
    auto const& window = options_of(to).window;
    if (offer.send.pages == 0 || window.pages == 0) {
        return 0;
    }
    auto& giver = from.space();
    auto& taker = to.space();
    auto const giver_lock = HeldLock::try_take(*giver.lock);
    auto const taker_lock = &giver == &taker ? HeldLock{} : HeldLock::try_take(*taker.lock);
    if (!giver_lock || (&giver != &taker && !taker_lock)) {
        return busy;
    }
    if (giver.ended || taker.ended) {
        return Error::ended;
    }
    auto const source = TRY(parse_span_of(giver, offer.send.address, offer.send.pages));
    auto const perms = TRY(PagePerms::parse(offer.permissions.bits));
    if (offer.send.pages > window.pages) {
        return Error::bad_range;
    }
    auto const target = TRY(parse_span_of(taker, window.address, offer.send.pages));
    TRY(page_map(giver.mapped(), source, taker.mapped(), target.first, perms, IfAbsent::no));
    return offer.send.pages;
}

}  // namespace

// The message itself. An error is the sender's; the receiver goes on waiting.
Result<void> Kernel::deliver(Environment& from, Environment& to) {
    std::uint64_t pages = 0;
    if (from.has_options && to.has_options) [[unlikely]] {
        pages = TRY(transfer_pages(from, to));
    }
    to.saved.set_message(from.id.value, from.letter.words, pages);
    return {};
}

Result<void> Kernel::send(Environment& caller, Environment& to) {
    if (&caller == &to) {
        return Error::bad_argument;
    }
    if (to.ended()) {
        return Error::ended;
    }
    auto const& options = options_of(caller);
    bool const wants_reply = caller.letter.wants_reply;
    bool const interruptible = (options.flags & abi::ipc_interruptible) != 0;
    if (!accepts(to, caller)) {
        TRY(block(caller, Wait::to_send, to.id.value, options.deadline, interruptible));
        to.senders.push_back(caller);
        to.detours.fetch_or(Environment::Detour::senders);
        return deferred;
    }
    if (caller.state != abi::EnvState::runnable) {
        return Error::interrupted;
    }
    if (to.wait_for != 0) {
        caller.end_waiters.remove(to);  // it waited for the caller alone
    }
    if (auto const delivered = deliver(caller, to); !delivered) {
        if (to.wait_for != 0) {
            caller.end_waiters.push_back(to);
        }
        return delivered;
    }
    cancel_deadline(to);
    if (!wants_reply) {
        end_wait(to, 0);
        return {};
    }
    auto const blocked =
        block(caller, Wait::for_reply, to.id.value, options.deadline, interruptible);
    end_wait(to, 0, blocked.has_value());
    if (!blocked) {
        return blocked.error();  // the message has gone; its answer finds nobody
    }
    to.was_called = true;
    return deferred;
}

Result<void> Kernel::receive(Environment& caller) {
    auto const& options = options_of(caller);
    auto const from = options.from.value;
    for (auto* sender = caller.senders.first(); sender != nullptr;) {
        auto* const next = caller.senders.after(*sender);
        if (from == 0 || sender->id.value == from) {
            auto const found = environments.find(sender->id.value, true);
            if (found.object == nullptr) {
                return busy;
            }
            auto const delivered = deliver(*sender, caller);
            if (!delivered && delivered.error() == busy) {
                return busy;
            }
            caller.senders.remove(*sender);
            if (delivered && sender->letter.wants_reply) {
                sender->wait = Wait::for_reply;  // its deadline goes on
                caller.was_called = true;
                return deferred;
            }
            cancel_deadline(*sender);
            end_wait(*sender, delivered ? 0 : encode_error(delivered.error()));
            if (delivered) {
                return deferred;
            }
        }
        sender = next;
    }
    bool const interruptible = (options.flags & abi::ipc_interruptible) != 0;
    if (from == 0) {
        TRY(block(caller, Wait::to_receive, 0, options.deadline, interruptible));
        return deferred;
    }
    if (from == caller.id.value) {
        return Error::bad_argument;
    }
    auto const other = environments.find(from, true);
    if (other.busy) {
        return busy;
    }
    if (other.object == nullptr) {
        return Error::not_found;
    }
    if (other.object->ended()) {
        return Error::ended;
    }
    TRY(block(caller, Wait::to_receive, from, options.deadline, interruptible));
    other.object->end_waiters.push_back(caller);
    return deferred;
}

Result<void> Kernel::reply(Environment& caller, Environment& to) {
    if (to.state != abi::EnvState::blocked || to.wait != Wait::for_reply ||
        to.wait_for != caller.id.value) {
        return Error::not_waiting;
    }
    TRY(deliver(caller, to));
    cancel_deadline(to);
    end_wait(to, 0, true);
    return {};
}

}  // namespace quarry
