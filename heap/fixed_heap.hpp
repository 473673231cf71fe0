// A heap in one buffer, for memories too small for slabs: firmware, a boot loader, an interrupt handler. Best
// fit with boundary tags (Knuth, volume 1, section 2.5, algorithm C) and lists by size (Masmano, Ripoll, Crespo
// and Real, "TLSF: a new dynamic memory allocator for real-time systems", ECRTS 2004). Needs no libc, no lock
// and no clock; the same calls give the same addresses.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>

namespace slab {

// fail(what, pointer) hears of misuse, and need not return.
template <typename Fail>
class FixedHeap {
  public:
    // The buffer is the heap's as long as it lives. Of less than 64 bytes it gives none, of more than 256 MiB
    // the first ones. The seed makes what a stray write
    // could look like a header hard to guess.
    FixedHeap(std::span<std::byte> buffer, std::uint64_t seed, Fail fail)
        : secret_(seed), fail_(fail) {
        if (buffer.size() < 4 * granule) {
            return;
        }
        auto const begin =
            (address_of(buffer.data()) + header_bytes + granule - 1) & ~(granule - 1);
        auto const end = (address_of(buffer.data()) + buffer.size()) & ~(granule - 1);
        base_ = begin - header_bytes;
        granules_ = static_cast<std::uint32_t>(std::min((end - begin) / granule, most_granules));
        write(0, {granules_ - 1, 0, false});
        write(granules_ - 1, {1, granules_ - 1, true});  // nothing merges with the end
        insert(0);
    }
    FixedHeap(FixedHeap const&) = delete;
    FixedHeap& operator=(FixedHeap const&) = delete;

    // `bytes` bytes aligned to 16, or null.
    void* allocate(std::size_t bytes) {
        if (bytes > most_granules * granule) {
            return nullptr;
        }
        auto const wanted = granules_for(bytes);
        auto const found = find(wanted);
        return found != none ? use(found, wanted) : nullptr;
    }
    // The same, at a multiple of `alignment`, a power of two up to 64 KiB.
    void* allocate_aligned(std::size_t alignment, std::size_t bytes) {
        if (alignment <= granule) {
            return allocate(bytes);
        }
        if (!std::has_single_bit(alignment) || alignment > most_alignment ||
            bytes > most_granules * granule) {
            return nullptr;
        }
        auto const wanted = granules_for(bytes);
        auto const found = find(wanted + static_cast<std::uint32_t>(alignment / granule));
        if (found == none) {
            return nullptr;
        }
        auto const block = address_of(memory_of(found));
        auto const skip = ((alignment - block % alignment) % alignment) / granule;
        if (skip == 0) {
            return use(found, wanted);
        }
        use(found, static_cast<std::uint32_t>(skip));
        void* const memory = use(found + static_cast<std::uint32_t>(skip), wanted);
        give_back(found);
        return memory;
    }
    // Gives a block back. Anything else than a block in use is reported.
    void free(void* pointer) {
        auto const index = index_of(pointer);
        if (pointer == nullptr || !is_block(index, pointer)) {
            return;
        }
        give_back(index);
    }
    // Changes a block's size; its contents move with it. On null the old block stays as it is.
    void* reallocate(void* pointer, std::size_t bytes) {
        if (pointer == nullptr) {
            return allocate(bytes);
        }
        auto const index = index_of(pointer);
        if (!is_block(index, pointer) || bytes > most_granules * granule) {
            return nullptr;
        }
        if (resize_in_place(index, granules_for(bytes))) {
            return pointer;
        }
        void* const moved = allocate(bytes);
        if (moved != nullptr) {
            __builtin_memcpy(moved, pointer, std::min(bytes, usable_bytes(pointer)));
            free(pointer);
        }
        return moved;
    }
    // What a block can hold.
    std::size_t usable_bytes(void const* pointer) {
        auto const index = index_of(pointer);
        return pointer != nullptr && is_block(index, pointer)
                   ? read(index).granules * granule - header_bytes
                   : 0;
    }

  private:
    static constexpr std::size_t granule = 16;
    static constexpr std::size_t header_bytes = 8;
    static constexpr std::size_t most_granules = (std::size_t{1} << 24) - 1;
    static constexpr std::size_t most_alignment = std::size_t{64} << 10;
    static constexpr std::uint32_t none = ~std::uint32_t{0};

    // Before each block, by its number of the granule it begins in.
    struct Header {
        std::uint32_t granules;  // with this header
        std::uint32_t before;    // of the block before it
        bool in_use;
    };
    struct Links {
        std::uint32_t next;
        std::uint32_t previous;
    };

    static std::uintptr_t address_of(void const* pointer) {
        return reinterpret_cast<std::uintptr_t>(pointer);
    }
    static std::uint32_t granules_for(std::size_t bytes) {
        return static_cast<std::uint32_t>((bytes + header_bytes + granule - 1) / granule);
    }
    std::uint64_t& word_at(std::uint32_t index) const {
        return *reinterpret_cast<std::uint64_t*>(base_ + index * granule);
    }
    void* memory_of(std::uint32_t index) const {
        return reinterpret_cast<void*>(base_ + index * granule + header_bytes);
    }
    Links& links_of(std::uint32_t index) const { return *static_cast<Links*>(memory_of(index)); }
    // Of a pointer that is none of this heap's, a number that no block has.
    std::uint32_t index_of(void const* pointer) const {
        auto const distance = address_of(pointer) - base_ - header_bytes;
        return distance % granule == 0 && distance / granule < granules_ - 1
                   ? static_cast<std::uint32_t>(distance / granule)
                   : none;
    }

    // 15 bits that tell a header from anything else that could be there: of a product, the upper ones (Knuth,
    // volume 3, section 6.4, multiplicative hashing).
    std::uint64_t check_of(std::uint64_t word, std::uint32_t index) const {
        return ((word ^ secret_) * 0x9e37'79b9'7f4a'7c15 + index * 0xbf58'476d'1ce4'e5b9) >> 49;
    }
    void write(std::uint32_t index, Header header) {
        auto const word = std::uint64_t{header.granules} | std::uint64_t{header.before} << 24 |
                          std::uint64_t{header.in_use} << 48;
        word_at(index) = word | check_of(word, index) << 49;
    }
    bool is_header(std::uint32_t index) const {
        auto const word = word_at(index);
        return check_of(word & ((std::uint64_t{1} << 49) - 1), index) == word >> 49;
    }
    Header read(std::uint32_t index) const {
        auto const word = word_at(index);
        return {static_cast<std::uint32_t>(word & most_granules),
                static_cast<std::uint32_t>(word >> 24 & most_granules), (word >> 48 & 1) != 0};
    }
    // A block in use, whose neighbours' headers are whole; what is wrong is reported.
    bool is_block(std::uint32_t index, void const* pointer) {
        if (index == none || !is_header(index)) {
            return fail_("free or use of a pointer to no block, or a header was written to",
                         pointer),
                   false;
        }
        auto const header = read(index);
        if (!header.in_use) {
            return fail_("double free, or use of a block that is free", pointer), false;
        }
        if (!is_header(index + header.granules) || !is_header(index - header.before)) {
            return fail_("memory next to a block was written to", pointer), false;
        }
        return true;
    }

    // Lists of free blocks: one for each number of granules up to 32, then one a doubling.
    static constexpr std::uint32_t exact_lists = 32;
    static constexpr std::size_t list_count = exact_lists + 20;
    static std::uint32_t list_of(std::uint32_t granules) {
        return granules < exact_lists
                   ? granules
                   : exact_lists +
                         static_cast<std::uint32_t>(std::bit_width(granules / exact_lists)) - 1;
    }
    void insert(std::uint32_t index) {
        auto& first = first_[list_of(read(index).granules)];
        links_of(index) = {first - 1, none};
        if (first != 0) {
            links_of(first - 1).previous = index;
        }
        first = index + 1;
        has_blocks_ |= std::uint64_t{1} << list_of(read(index).granules);
    }
    void remove(std::uint32_t index) {
        auto const list = list_of(read(index).granules);
        auto const links = links_of(index);
        if (links.previous != none) {
            links_of(links.previous).next = links.next;
        } else {
            first_[list] = links.next + 1;
            has_blocks_ &= first_[list] != 0 ? ~std::uint64_t{0} : ~(std::uint64_t{1} << list);
        }
        if (links.next != none) {
            links_of(links.next).previous = links.previous;
        }
    }
    // A free block of at least so many granules; in a list of several sizes the best one.
    std::uint32_t find(std::uint32_t wanted) const {
        auto lists = has_blocks_ & ~((std::uint64_t{1} << list_of(wanted)) - 1);
        for (; lists != 0; lists &= lists - 1) {
            auto best = none;
            for (auto at = first_[static_cast<std::size_t>(std::countr_zero(lists))]; at != 0;
                 at = links_of(at - 1).next + 1) {
                auto const granules = read(at - 1).granules;
                if (granules >= wanted && (best == none || granules < read(best).granules)) {
                    best = at - 1;
                }
            }
            if (best != none) {
                return best;
            }
        }
        return none;
    }
    // Cuts a block in use and gives back what is over.
    void split(std::uint32_t index, std::uint32_t granules) {
        auto const header = read(index);
        auto const rest = header.granules - granules;
        if (rest == 0) {
            return;
        }
        write(index, {granules, header.before, true});
        write(index + granules, {rest, granules, false});
        set_before(index + header.granules, rest);
        insert(merge(index + granules));
    }
    void give_back(std::uint32_t index) {
        auto header = read(index);
        header.in_use = false;
        write(index, header);
        insert(merge(index));
    }
    void set_before(std::uint32_t index, std::uint32_t granules) {
        auto header = read(index);
        header.before = granules;
        write(index, header);
    }
    // Takes a free block out of its list, and of it so many granules.
    void* use(std::uint32_t index, std::uint32_t granules) {
        remove(index);
        auto header = read(index);
        header.in_use = true;
        write(index, header);
        split(index, granules);
        return memory_of(index);
    }
    // A free block in no list with its free neighbours, which leave theirs; where it begins now.
    std::uint32_t merge(std::uint32_t index) {
        auto header = read(index);
        if (auto const after = index + header.granules; !read(after).in_use) {
            remove(after);
            header.granules += read(after).granules;
        }
        if (header.before != 0 && !read(index - header.before).in_use) {
            index -= header.before;
            remove(index);
            header.granules += read(index).granules;
            header.before = read(index).before;
        }
        write(index, header);
        set_before(index + header.granules, header.granules);
        return index;
    }
    bool resize_in_place(std::uint32_t index, std::uint32_t wanted) {
        auto header = read(index);
        auto const after = index + header.granules;
        if (header.granules < wanted) {
            auto const behind = read(after);
            if (behind.in_use || header.granules + behind.granules < wanted) {
                return false;
            }
            remove(after);
            header.granules += behind.granules;
            write(index, header);
            set_before(index + header.granules, header.granules);
        }
        split(index, wanted);
        return true;
    }

    std::uint64_t secret_;
    Fail fail_;
    std::uintptr_t base_ = 0;
    std::uint32_t granules_ = 1;
    std::uint64_t has_blocks_ = 0;                   // a bit for each list
    std::array<std::uint32_t, list_count> first_{};  // each list's first block and one; 0: none
};

}  // namespace slab
