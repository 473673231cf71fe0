// Pages that go from one place of the window to another, in their tables (mremap).
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace slab::hosted {

// Where mappings end because pages were moved: what lies on both sides has another origin, and Linux keeps it
// apart. A process may have 65,530 mappings. Only ever more: what is moved there again ends there again.
class Edges {
  public:
    constexpr Edges() = default;

    // Whether a block of so many bytes may move: the more edges there are, the larger it must be, unless it
    // adds none.
    bool allow(std::uintptr_t from, std::uintptr_t to, std::size_t bytes) const;
    void add(std::uintptr_t begin, std::size_t bytes) {
        add(begin);
        add(begin + bytes);
    }
    // The first one in (begin, end), or `end`.
    std::uintptr_t next(std::uintptr_t begin, std::uintptr_t end) const;

  private:
    void add(std::uintptr_t edge);
    bool has(std::uintptr_t edge) const;
    static std::size_t slot_of(std::uintptr_t edge);

    static constexpr std::uint32_t edges_a_doubling = 64;
    static constexpr std::uint32_t most_doublings = 16;
    static constexpr std::size_t slots = 4096;  // several times as many as are let in
    std::array<std::atomic<std::uintptr_t>, slots> edges_{};
    std::atomic<std::uint32_t> count_ = 0;
};

// Both places stay mapped all the time, so that nobody else can take them. False: nothing was moved.
// What is at `to` is lost.
bool move_pages(std::byte* from, std::byte* to, std::size_t bytes);
// The same; where they were there are none, as at first.
bool take_pages_over(std::byte* from, std::byte* to, std::size_t bytes);
// A fresh mapping in the place of what is there. False: it could not be had.
bool map_afresh(std::byte* at, std::size_t bytes);
// It goes to `from`, where that is possible.
bool exchange_pages(std::byte* from, std::byte* to, std::size_t bytes);

}  // namespace slab::hosted
