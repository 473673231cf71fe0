// The environment that yielded to another one on this processor. It can run, but is in no queue: when
// that one yields back the two change places (ipc_shortcuts.cpp, direct_entry.S), and whatever else
// comes between makes it an environment in a queue again (Environment::settle), which it finds by id.
// Views go on showing it as running here.
//
// It is set by its processor, with the lock of who yields and of whose place it takes, and taken away
// with its own lock: so it does not change while both are held.
#pragma once

#include <atomic>
#include <cstdint>

namespace quarry {

namespace machine {
struct EntryLayout;
}

class Yielder {
  public:
    constexpr Yielder() = default;

    // 0: nobody yielded, or whoever did is in a queue again.
    std::uint64_t id() const { return word_.load(std::memory_order_relaxed) & ~by_detour; }
    void set(std::uint64_t id, std::uint64_t slot_offset, bool at_hand) {
        slot_offset_ = slot_offset;
        word_.store(at_hand ? id : id | by_detour, std::memory_order_relaxed);
    }
    // Entry code must not go to it: its space is no longer the one to which the processor comes back
    // without asking. By its processor.
    void not_at_hand() {
        if (word_.load(std::memory_order_relaxed) != 0) {
            word_.fetch_or(by_detour, std::memory_order_relaxed);
        }
    }
    // False: it is another one.
    bool take(std::uint64_t id) {
        auto word = word_.load(std::memory_order_relaxed);
        while ((word & ~by_detour) == id) {
            if (word_.compare_exchange_weak(word, 0, std::memory_order_relaxed)) {
                return true;
            }
        }
        return false;
    }

  private:
    friend struct machine::EntryLayout;
    static constexpr std::uint64_t by_detour = std::uint64_t{1} << 56;  // no id is that large

    std::atomic<std::uint64_t> word_ = 0;
    std::uint64_t slot_offset_ = 0;  // in the table of environments, in bytes; for entry code
};

}  // namespace quarry
