// Where a heap gets its pages. A source reserves one window of address space; pages in it are
// committed before use and decommitted when free. Nobody else touches the window.
#pragma once

#include <atomic>
#include <concepts>
#include <cstddef>
#include <cstdint>

namespace slab {

inline constexpr std::size_t page_bytes = 4096;

// What commit says about the pages it made usable.
enum class Committed : unsigned char { failed, dirty, zeroed };

// reserve: a window of `bytes`, aligned to huge_page_bytes, or null; a heap then asks for a smaller one.
// commit, decommit: whole pages of the window; several threads may call them at once, for different
// pages. release: the window as reserved. fail: says what is wrong with a pointer into a block of
// `block_bytes` (0: into none), and need not return.
template <typename S>
concept PageSource =
    requires(S source, std::size_t bytes, std::byte* at, char const* what, void const* pointer) {
        { S::window_bytes } -> std::convertible_to<std::size_t>;  // to ask for at first
        { source.reserve(bytes) } -> std::same_as<std::byte*>;
        { source.commit(at, bytes) } -> std::same_as<Committed>;
        { source.decommit(at, bytes) } -> std::same_as<void>;
        { source.release(at, bytes) } -> std::same_as<void>;
        { source.fail(what, pointer, bytes) } -> std::same_as<void>;
    };

// A source with a clock, in ticks of about a tenth of a second: free pages then stay committed for a
// while. Without one they go back at once.
template <typename S>
concept HasClock = requires(S source) {
    { source.ticks() } -> std::same_as<std::uint32_t>;
};

// A source that can make its window longer at its end, by so many bytes, up to `most_window_bytes` of units. False:
// it is as it was.
template <typename S>
concept CanExtend = requires(S source, std::byte* end, std::size_t bytes) {
    { S::most_window_bytes } -> std::convertible_to<std::size_t>;
    { source.extend(end, bytes) } -> std::same_as<bool>;
};

// A source that can move committed pages to another place of the window, where none are committed; none
// are where they were afterwards. False: nothing was moved.
template <typename S>
concept CanRemap = requires(S source, std::byte* from, std::byte* to, std::size_t bytes) {
    { source.remap(from, to, bytes) } -> std::same_as<bool>;
};

// One that can exchange what two places of the window hold, of which all may be touched: what `one` has comes to
// `other`, what `other` has to `one` or is lost. False: nothing was changed.
template <typename S>
concept CanExchange = requires(S source, std::byte* one, std::byte* other, std::size_t bytes) {
    { source.exchange(one, other, bytes) } -> std::same_as<bool>;
};

// One that can make each thread of its program pass a barrier, whatever it is doing: what that has stored before, the
// caller sees after, and the other way round. Only for processors that let stores and loads of each kind in order be seen
// so (SDM volume 3A, section 9.2.2). False: it could not.
template <typename S>
concept CanSynchronize = requires(S source) {
    { source.synchronize() } -> std::same_as<bool>;
};

// One for which that takes little, and leaves behind what is as if it never had any pages. What adjoins and came from
// different places may count as a mapping each, until it is renewed: then its pages are gone, and the mapping.
template <typename S>
concept CanTakeOver = requires(S source, std::byte* from, std::byte* to, std::size_t bytes) {
    { source.take_over(from, to, bytes) } -> std::same_as<bool>;
    { source.renew(from, bytes) } -> std::same_as<void>;
};

// A source that can put pages out of reach: whoever touches them faults. What they held is lost by guard, until
// unguard; and kept by hide, until show, which is for so many parts at once. False: they are as they were.
template <typename S>
concept CanGuard = requires(S source, std::byte* at, std::size_t bytes) {
    { source.guard(at, bytes) } -> std::same_as<bool>;
    { source.unguard(at, bytes) } -> std::same_as<void>;
    { source.hide(at, bytes) } -> std::same_as<bool>;
    { source.show(at, bytes) } -> std::same_as<void>;
};

// A source whose pages stay usable when they are decommitted: they are zero, and cost nothing until they are
// touched.
template <typename S>
concept StaysUsable = requires { requires S::stays_usable; };

// Such a source that knows which of some committed pages may hold something: resident[i] becomes 1, and 0 for one that
// was never touched, or whose contents are elsewhere. False: it does not know.
template <typename S>
concept KnowsResident = StaysUsable<S> && requires(S source, std::byte* at, std::size_t pages,
                                                   unsigned char* resident) {
    { source.find_resident(at, pages, resident) } -> std::same_as<bool>;
};

// A source that can leave pages to whoever needs memory, for less than decommit costs: until then they are as they
// were, afterwards zero, and usable all the time. What is left so is not decommitted any more. False: it was not done.
template <typename S>
concept CanPurgeLazily = requires(S source, std::byte* at, std::size_t bytes) {
    { source.purge_lazy(at, bytes) } -> std::same_as<bool>;
};

// A source with huge pages of huge_page_bytes. It is asked for one, at such a multiple, before any of its place is
// committed, where a large heap grows by small blocks that will fill it. It may do nothing.
inline constexpr std::size_t huge_page_bytes = std::size_t{2} << 20;
template <typename S>
concept HasHugePages = requires(S source, std::byte* at) {
    { source.huge(at) } -> std::same_as<void>;
};

// A source whose pages come when they are touched, but also, for less, many at once: committed ones. It may do
// nothing.
template <typename S>
concept CanPopulate = requires(S source, std::byte* at, std::size_t bytes) {
    { source.populate(at, bytes) } -> std::same_as<void>;
};

// A source that knows when memory is short: then what is free goes back at once. Asked once a second, by any thread.
template <typename S>
concept HasPressure = requires(S source) {
    { source.pressure() } -> std::same_as<bool>;
};

// A source whose threads can sleep: wait returns when woken, or at once where the word has another value, or for no
// reason; wake wakes one that waits, if there is one.
template <typename S>
concept CanWait = requires(std::atomic<std::uint32_t>& word, std::uint32_t value) {
    { S::wait(word, value) } -> std::same_as<void>;
    { S::wake(word) } -> std::same_as<void>;
};

// A source of numbers that nobody can guess, for encoding what a program might write over.
template <typename S>
concept HasEntropy = requires(S source) {
    { source.entropy() } -> std::same_as<std::uint64_t>;
};

// Several threads or one: what a heap takes around each call.
struct NoLock {
    void lock() {}
    void unlock() {}
};

}  // namespace slab
