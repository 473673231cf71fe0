#include "user/linux/signal_queue.hpp"

#include "user/linux/process.hpp"
#include "user/linux/signals.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>

namespace quarry::libos {
namespace {

constexpr unsigned first_queueing = 32;  // SIGRTMIN, as kernels number it

enum class SlotState : std::uint32_t { empty, changing, full };

struct Slot {
    std::atomic<SlotState> state = SlotState::empty;
    std::uint32_t order = 0;
    protocol::SignalNote note{};
};
constinit std::array<Slot, 128> pool;
constinit std::atomic<std::uint32_t> next_order = 0;
constinit std::uint64_t process_pending = 0;

bool claim(Slot& slot, SlotState from) {
    return slot.state.load() == from &&
           slot.state.compare_exchange_strong(from, SlotState::changing);
}

Slot* add(protocol::SignalNote const& note) {
    for (auto& slot : pool) {
        if (claim(slot, SlotState::empty)) {
            slot.note = note;
            slot.order = next_order.fetch_add(1);
            slot.state = SlotState::full;
            return &slot;
        }
    }
    return nullptr;
}

bool has_room() {
    return std::ranges::any_of(pool,
                               [](auto const& slot) { return slot.state == SlotState::empty; });
}

// The set that a note's bit belongs to. A thread that is gone has none.
std::uint64_t* set_of(std::uint64_t thread) {
    if (thread == 0) {
        return &process_pending;
    }
    for (std::uint64_t slot = 0; slot < thread_table.used; ++slot) {
        if (is_live(slot) && thread_at(slot).id == thread) {
            return &thread_at(slot).pending;
        }
    }
    return nullptr;
}

struct Found {
    Slot* oldest = nullptr;
    bool more = false;
};

Found find(unsigned signal, std::uint64_t thread) {
    Found found;
    for (auto& slot : pool) {
        if (slot.state.load() != SlotState::full || slot.note.thread != thread ||
            slot.note.number != static_cast<std::int32_t>(signal)) {
            continue;
        }
        found.more = found.oldest != nullptr;
        bool const older = found.oldest == nullptr ||
                           static_cast<std::int32_t>(slot.order - found.oldest->order) < 0;
        found.oldest = older ? &slot : found.oldest;
    }
    return found;
}

// One whose bit was set, out of the pool. Number 0: another thread was faster.
protocol::SignalNote take(std::uint64_t& set, unsigned signal, std::uint64_t thread) {
    auto const bit = bit_of(signal);
    if ((__atomic_fetch_and(&set, ~bit, __ATOMIC_SEQ_CST) & bit) == 0) {
        return {};
    }
    for (;;) {
        auto const found = find(signal, thread);
        if (found.oldest == nullptr) {
            // A signal that does not queue counts even if there was no room to say more of it.
            return signal < first_queueing ? protocol::SignalNote{static_cast<std::int32_t>(signal),
                                                                  SI_USER,
                                                                  0,
                                                                  0,
                                                                  0,
                                                                  0}
                                           : protocol::SignalNote{};
        }
        if (claim(*found.oldest, SlotState::full)) {
            auto const note = found.oldest->note;
            found.oldest->state = SlotState::empty;
            if (found.more) {
                __atomic_fetch_or(&set, bit, __ATOMIC_SEQ_CST);
            }
            return note;
        }
    }
}

void drop(std::uint64_t& set, std::uint64_t dropped, std::uint64_t thread) {
    auto left = __atomic_load_n(&set, __ATOMIC_SEQ_CST) & dropped;
    while (left != 0) {
        auto const signal = static_cast<unsigned>(std::countr_zero(left)) + 1;
        if (take(set, signal, thread).number == 0) {
            left &= left - 1;
        } else {
            left = __atomic_load_n(&set, __ATOMIC_SEQ_CST) & dropped;
        }
    }
}

}  // namespace

bool enqueue_signal(protocol::SignalNote const& note) {
    auto* const set = set_of(note.thread);
    if (set == nullptr || note.number < 1 || note.number > static_cast<std::int32_t>(signals)) {
        return true;
    }
    auto const signal = static_cast<unsigned>(note.number);
    auto const bit = bit_of(signal);
    bool const queues = signal >= first_queueing;
    if (!queues && (__atomic_load_n(set, __ATOMIC_SEQ_CST) & bit) != 0) {
        return true;
    }
    auto* const slot = add(note);
    if (slot == nullptr && queues) {
        return false;
    }
    auto const before = __atomic_fetch_or(set, bit, __ATOMIC_SEQ_CST);
    if (!queues && (before & bit) != 0 && slot != nullptr && claim(*slot, SlotState::full)) {
        slot->state = SlotState::empty;  // another one came at the same time
    }
    return true;
}

void collect_signals() {
    auto& ring = channel_of(this_thread()).signals;
    for (;;) {
        auto taken = __atomic_load_n(&ring.taken, __ATOMIC_SEQ_CST);
        if (taken == __atomic_load_n(&ring.written, __ATOMIC_ACQUIRE) || !has_room()) {
            return;
        }
        auto const note = ring.notes[taken % protocol::SignalRing::slots];
        // An interrupt may have come in between, and have taken it.
        if (__atomic_compare_exchange_n(&ring.taken, &taken, taken + 1, false, __ATOMIC_SEQ_CST,
                                        __ATOMIC_SEQ_CST)) {
            (void)enqueue_signal(note);
        }
    }
}

protocol::SignalNote take_signal(std::uint64_t set) {
    auto& thread = this_thread();
    for (;;) {
        auto const own = __atomic_load_n(&thread.pending, __ATOMIC_SEQ_CST) & set;
        auto const shared = __atomic_load_n(&process_pending, __ATOMIC_SEQ_CST) & set;
        if ((own | shared) == 0) {
            return {};
        }
        auto const signal = static_cast<unsigned>(std::countr_zero(own != 0 ? own : shared)) + 1;
        auto const note =
            own != 0 ? take(thread.pending, signal, thread.id) : take(process_pending, signal, 0);
        if (note.number != 0) {
            return note;
        }
    }
}

std::uint64_t pending_signals(Thread const& thread) {
    return __atomic_load_n(&thread.pending, __ATOMIC_SEQ_CST) |
           __atomic_load_n(&process_pending, __ATOMIC_SEQ_CST);
}

void drop_signals(std::uint64_t set) {
    if ((pending_signals(this_thread()) & set) != 0) {
        drop(this_thread().pending, set, this_thread().id);
        drop(process_pending, set, 0);
    }
}

void forget_signals() {
    for (auto& slot : pool) {
        slot.state = SlotState::empty;
    }
    process_pending = 0;
}

}  // namespace quarry::libos
