// What a free asks of a slab before anything else: whether a block begins there, and whose it is.
#include "heap/claim.hpp"
#include "heap/slab_count.hpp"

#include <gtest/gtest.h>

#include <cstdint>

namespace slab {
namespace {

// As it is asked by a caller of that name, who says so much more.
bool is_for(Claim const& claim, Owner caller, std::uint64_t more, std::uintptr_t address,
            std::uint64_t reciprocal) {
    return claim.is_for(address, reciprocal, [=](std::uint64_t n, std::uint64_t const& word) {
        return n + word + caller + more;
    });
}

constexpr std::uint64_t most_more = (std::uint64_t{1} << 16) - 1;
constexpr std::uintptr_t slab_begin = 0x7f12'3454'0000;

TEST(Claim, IsForTheOwnerWhereABlockBeginsAndNowhereElse) {
    Owner const owner = std::uint64_t{0x7ffe'f7d8'a740} << 16;
    for (std::size_t index = 0; index < class_count; ++index) {
        auto const size = class_bytes(index);
        auto const end = slab_begin + slab_bytes(index);
        Claim const claim(owner, end, reciprocal(size));
        for (auto address = slab_begin; address != end; ++address) {
            bool const begins = (end - address) % size == 0;
            ASSERT_EQ(is_for(claim, owner, 0, address, reciprocal(size)), begins) << size;
            ASSERT_EQ(is_for(claim, owner, most_more, address, reciprocal(size)), begins) << size;
        }
    }
}

// The nearest and the furthest there can be, too.
TEST(Claim, IsForNobodyElse) {
    constexpr Owner owner = std::uint64_t{0x7ffe'f7d8'a740} << 16;
    constexpr std::uint64_t nearest = std::uint64_t{1} << 18;
    Owner const others[] = {0,
                            owner + nearest,
                            owner - nearest,
                            owner + (owner >> 5),
                            std::uint64_t{64} << 16,
                            std::uint64_t{0x7fff'ffff'ffc0} << 16};
    for (std::size_t index = 0; index < class_count; ++index) {
        auto const size = class_bytes(index);
        auto const end = slab_begin + slab_bytes(index);
        for (auto const other : others) {
            Claim claim(owner, end, reciprocal(size));
            for (auto block = end - size; block >= slab_begin; block -= size) {
                ASSERT_FALSE(is_for(claim, other, 0, block, reciprocal(size))) << size;
                ASSERT_FALSE(is_for(claim, other, most_more, block, reciprocal(size))) << size;
            }
            claim.set({other, end, reciprocal(size)});
            ASSERT_TRUE(is_for(claim, other, 0, end - size, reciprocal(size)));
            ASSERT_FALSE(is_for(claim, owner, 0, end - size, reciprocal(size)));
        }
    }
}

TEST(Claim, IsForNobodyWhereThereIsNoSlab) {
    for (Owner const caller :
         {Owner{0}, std::uint64_t{64} << 16, std::uint64_t{0x7fff'ffff'ffc0} << 16}) {
        for (std::uint64_t const number :
             {std::uint64_t{0}, reciprocal(16), reciprocal(48), reciprocal(small_limit)}) {
            ASSERT_FALSE(is_for({}, caller, most_more, 0, number));
        }
    }
}

TEST(SlabCount, StaysAtItsMost) {
    SlabCount count;
    ++count;
    --count;
    EXPECT_EQ(count.value(), 0);
    for (std::uint32_t i = 0; i < SlabCount::most; ++i) {
        EXPECT_EQ(count.value(), i);
        ++count;
    }
    ++count;
    EXPECT_EQ(count.value(), SlabCount::most);
    --count;
    EXPECT_EQ(count.value(), SlabCount::most);
}

}  // namespace
}  // namespace slab
