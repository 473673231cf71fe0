// What the program has mapped: the list that Linux's kernel would keep, kept by the program's own
// library OS. It says what may be at an address; what is there now the page tables say.
#pragma once

#include "user/linux/layout.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace quarry::libos {

enum class MappingKind : std::uint8_t {
    anonymous,     // private memory, zero at first
    private_file,  // a file's pages until they are written
    shared,        // the file's own pages, or shared memory's
};

struct Mapping {
    std::uint64_t begin = 0;
    std::uint64_t end = 0;
    std::uint64_t handle = 0;  // the server's, unless anonymous
    std::uint64_t offset = 0;  // in it, of `begin`
    std::uint32_t protection = 0;
    MappingKind kind = MappingKind::anonymous;
    bool is_stack = false;
    bool is_program_break = false;

    bool contains(std::uint64_t address) const { return address >= begin && address < end; }
    std::uint64_t bytes() const { return end - begin; }
    std::uint64_t offset_of(std::uint64_t address) const { return offset + (address - begin); }
    void begin_at(std::uint64_t address) {
        offset = offset_of(address);
        begin = address;
    }
    // A file that was opened to be read is not written through shared pages.
    bool allows(std::uint32_t wanted) const;
    // Whether this one goes on where the other ends; and whether it would, if it had that protection.
    bool continues(Mapping const& before) const {
        return before.protection == protection && could_continue(before);
    }
    bool could_continue(Mapping const& before) const;
};

// Sorted and disjoint, in pages that are added as it grows. Guarded by the memory lock.
class MappingList {
  public:
    static constexpr std::size_t capacity = mappings_bytes / sizeof(Mapping);

    std::span<Mapping> all() { return {reinterpret_cast<Mapping*>(mappings_base), count_}; }
    // The mapping of an address; null if there is none. Valid until the list changes.
    Mapping* find(std::uint64_t address);
    // The one that the last search ended at; null if there is none.
    Mapping const* last_found() { return last_ < count_ ? &all()[last_] : nullptr; }
    // The first one that ends above the address; the list's end if there is none.
    std::size_t index_from(std::uint64_t address);

    // Makes a border at the address, if a mapping lies across it. False when the list is full.
    bool split(std::uint64_t address);
    // Takes [begin, end) out of the list. False when the list is full.
    bool remove(std::uint64_t begin, std::uint64_t end);
    // Into a place that is free; neighbours that it continues become one with it. False when the list
    // is full.
    bool add(Mapping const& mapping);
    // New protection for [begin, end), or as far as there are mappings that allow it. False: the list is
    // full.
    bool protect(std::uint64_t begin, std::uint64_t end, std::uint32_t protection,
                 std::uint64_t& reached);

    bool is_free(std::uint64_t begin, std::uint64_t end);
    // A free place for so many bytes, the highest below `top`.
    std::optional<std::uint64_t> find_free(std::uint64_t bytes, std::uint64_t alignment,
                                           std::uint64_t top);
    void clear() { count_ = 0; }
    std::size_t pages() const { return pages_; }

  private:
    bool protect_each(std::uint64_t begin, std::uint64_t end, std::uint32_t protection,
                      std::uint64_t& reached);
    bool protect_within(std::size_t index, std::uint64_t begin, std::uint64_t end,
                        std::uint32_t protection);
    // A copy of a mapping becomes its successor.
    bool duplicate(std::size_t index);
    bool insert_at(std::size_t index, Mapping const& mapping);
    void erase(std::size_t first, std::size_t last);

    std::size_t count_ = 0;
    std::size_t last_ = 0;   // where the last search ended: the next one is likely to end there too
    std::size_t pages_ = 0;  // that the array has
};

}  // namespace quarry::libos
