#include "machine/machine.hpp"

#include "kernel/calls/ipc_shortcuts.hpp"
#include "kernel/kernel.hpp"
#include "kernel/shootdown.hpp"

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <thread>
#include <utility>

namespace quarry::machine {

Host& host() {
    static Host instance;
    return instance;
}

void reset_host(std::span<std::byte> arena) {
    std::destroy_at(&host());
    std::construct_at(&host());
    host().arena = arena;
}

namespace {
thread_local Processor* running_processor = nullptr;
}
Processor* this_processor() { return running_processor; }
// Not the kernel's write, for whoever watches those.
[[clang::no_sanitize("thread")]] void set_this_processor(Processor& processor) {
    running_processor = &processor;
}
ProcessorState& state() { return running_processor->machine; }

void dawdle() {
    if (running_processor == nullptr || !state().dawdles) {
        return;
    }
    constexpr unsigned often = 32;  // once in so many times
    constexpr unsigned seldom = 512;
    auto const random = (*state().dawdles)();
    auto turns = random % often == 0 ? 1 : 0;
    if (random % seldom == 1) {
        turns = 64;
    }
    for (; turns != 0; --turns) {
        std::this_thread::yield();
    }
}

std::optional<PhysPage> ProcessorState::translate(UserPage page, bool write) {
    auto const region = page.number() / entries_per_table;
    auto cached = leaves.find(page.number());
    if (cached == leaves.end()) {
        // A cached upper entry is used without looking whether the tables still say so.
        std::uint64_t raw = 0;
        if (auto const upper = tables.find(region); upper != tables.end()) {
            auto const entries = table(PhysPage::numbered(upper->second));
            raw = Pte::walk(entries[page.number() % entries_per_table]).raw();
        } else {
            auto at = active;
            for (unsigned level = top_level;; --level) {
                auto const index = page.number() >> (9 * level) & (entries_per_table - 1);
                auto const entry = Pte::walk(table(at)[index]);
                if (entry.is_leaf(level) && level == 1) {
                    auto const offset = page.number() % entries_per_table;
                    raw = entry.raw() + (offset << page_shift);
                    break;
                }
                if (level == 0) {
                    raw = entry.raw();
                    tables[region] = at.number();
                    break;
                }
                if (!entry.is_present()) {
                    return std::nullopt;
                }
                at = entry.frame();
            }
        }
        if ((raw & Pte::present) == 0) {
            return std::nullopt;  // the architecture caches no absent entries
        }
        dawdle();
        cached = leaves.emplace(page.number(), raw).first;
    }
    auto const entry = Pte::from_raw(cached->second);
    if (write && (entry.raw() & Pte::writable) == 0) {
        return std::nullopt;
    }
    return entry.frame();
}

void zero_frames(PhysPage first, std::size_t frames) {
    dawdle();
    std::ranges::fill(host().arena.subspan(first.start().raw(), frames * page_bytes), std::byte{});
}

void ProcessorState::forget_all() {
    leaves.clear();
    tables.clear();
}

void activate(PhysPage root) {
    if (state().active != root) {
        dawdle();
        state().active = root;
        state().forget_all();
    }
}

void invalidate(UserPage page) {
    auto& own = state();
    ++own.invalidations;
    own.leaves.erase(page.number());
    own.tables.erase(page.number() / entries_per_table);
    // One invalidation drops a 2 MiB translation whole.
    std::erase_if(own.leaves, [&](auto const& leaf) {
        return leaf.first / entries_per_table == page.number() / entries_per_table &&
               Pte::from_raw(leaf.second).is_huge();
    });
}

void invalidate_all() { state().forget_all(); }

void interrupt_processor(Processor& processor) {
    dawdle();
    processor.machine.interrupted = true;
}
void set_timer(std::uint64_t) {}
void spin_pause() {
    serve_mailbox();
    std::this_thread::yield();
}
void fail_check(char const* what) {
    std::fputs(what, stderr);
    std::abort();
}

namespace {

// Byte by byte and atomic: programs may write what the kernel reads. Against the kernel's own writes
// ThreadSanitizer still sees a race.
void copy_bytes(std::span<std::byte> to, std::span<std::byte const> from) {
    for (std::size_t i = 0; i < to.size(); ++i) {
        std::byte value{};
        __atomic_load(&from[i], &value, __ATOMIC_RELAXED);
        __atomic_store(&to[i], &value, __ATOMIC_RELAXED);
    }
}

}  // namespace

bool copy_in(std::span<std::byte> to, UserAddr from) {
    auto address = from.raw();
    while (!to.empty()) {
        auto const frame = state().translate(UserPage::containing(UserAddr{address}), false);
        if (!frame) {
            return false;
        }
        auto const source = frame_bytes(*frame).subspan(address % page_bytes);
        auto const count = std::min(to.size(), source.size());
        copy_bytes(to.first(count), source.first(count));
        to = to.subspan(count);
        address += count;
    }
    return true;
}

bool copy_out(UserAddr to, std::span<std::byte const> from) {
    auto address = to.raw();
    while (!from.empty()) {
        auto const frame = state().translate(UserPage::containing(UserAddr{address}), true);
        if (!frame) {
            return false;
        }
        auto const target = frame_bytes(*frame).subspan(address % page_bytes);
        auto const count = std::min(from.size(), target.size());
        copy_bytes(target.first(count), from.first(count));
        from = from.subspan(count);
        address += count;
    }
    return true;
}

void console_write(std::string_view text) { host().console += text; }
std::optional<char> wait_for_key() {
    auto& keys = host().keys;
    if (keys.empty()) {
        return std::nullopt;
    }
    auto const key = keys.front();
    keys.erase(0, 1);
    return key;
}
void trace_write(std::string_view text) { host().console += text; }
std::uint64_t clock_nanoseconds() {
    static std::atomic<std::uint64_t> now = 0;
    return now.fetch_add(1, std::memory_order_relaxed) + 1;
}
bool wait_for_interrupt() {
    host().idle_forever = true;
    return false;
}
void power_off(abi::EnvStatus how) { host().powered_off = how; }
void power_off_idle() { host().idle_forever = true; }
Space* own_active_space() { return this_processor()->active_space; }
void enter(Environment& environment) { state().entered = &environment; }
void leave(Environment& environment) {
    if (std::exchange(state().entered, nullptr) != &environment) {
        fail_check("an environment would be left with another one's registers");
    }
}

}  // namespace quarry::machine

namespace quarry {

extern "C" {

// There are no thunks here.
Word quarry_save_and_call(Word, Word, Word, Word, Word, Word) { std::abort(); }

Word quarry_ipc_call(Word a, Word b, Word c, Word d, Word e, Word f) {
    quarry_ipc_call_shortcut(0, 0, 0, 0, a, b, c, d, e, f);
    return machine::state().result;
}
Word quarry_ipc_reply(Word a, Word b, Word c, Word d, Word e, Word f) {
    quarry_ipc_reply_shortcut(0, 0, 0, 0, a, b, c, d, e, f);
    return machine::state().result;
}
Word quarry_yield_to(Word a, Word b, Word c, Word d, Word e, Word f) {
    quarry_yield_to_shortcut(0, 0, 0, 0, a, b, c, d, e, f);
    return machine::state().result;
}
QUARRY_KEEPS_NOTHING quarry_switch_to(Word environment, Word, Word, Word, Word sender, Word word0,
                                      Word word1, Word word2, Word word3, Word) {
    auto* const to = __builtin_bit_cast(Environment*, environment);
    to->saved.set_message(sender, {word0, word1, word2, word3}, 0);
    machine::state().entered = to;
    machine::state().result = 0;
}
QUARRY_KEEPS_NOTHING quarry_decline(Word index, Word, Word, Word, Word a, Word b, Word c, Word d,
                                    Word e, Word f) {
    machine::state().result = quarry_full_table[index](a, b, c, d, e, f);
}

}  // extern "C"

}  // namespace quarry
