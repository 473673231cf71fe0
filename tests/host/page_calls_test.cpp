// Calls about pages: what they refuse, undo and charge for.
#include "tests/host/machine_fixture.hpp"

#include <gtest/gtest.h>

namespace quarry {
namespace {

using test::TestMachine;
using test::word_of;

constexpr std::uint64_t address = 0x4000'0000;
constexpr auto write = abi::permission::write.bits;

TEST(PageCalls, AnAddressBeyondAllIsRefusedWhenNoTableIsAtHand) {
    TestMachine machine(64);
    machine.boot(64);
    auto const refused = word_of(Error::bad_address);
    for (auto const half : {std::uint64_t{1} << 63, std::uint64_t{0} - huge_bytes}) {
        for (auto const beyond : {half, half + 511 * page_bytes}) {
            EXPECT_EQ(machine.call<abi::PageAlloc>(0, beyond, 1, write), refused);
            EXPECT_EQ(machine.call<abi::PageProtect>(0, beyond, 1, write), refused);
            EXPECT_EQ(machine.call<abi::PageMap>(0, beyond, 1, 0, beyond, write), refused);
            EXPECT_EQ(machine.call<abi::PageUnmap>(0, beyond, 1), refused);
        }
    }
    EXPECT_EQ(machine.check(), "");
}

TEST(PageCalls, AFailedCallLeavesNothingBehind) {
    TestMachine machine(64);
    machine.boot(64);
    auto const before = the_kernel.memory.free_frames();
    EXPECT_EQ(machine.call<abi::PageAlloc>(0, address, 500, write), word_of(Error::out_of_account));
    EXPECT_EQ(the_kernel.memory.free_frames(), before);
    EXPECT_EQ(machine.check(), "");
}

TEST(PageCalls, RunningOutOfFramesInTheMiddleIsUndone) {
    TestMachine machine(64);
    machine.boot(1000);  // an account that promises more than there is
    auto const before = the_kernel.memory.free_frames();
    EXPECT_EQ(machine.call<abi::PageAlloc>(0, address, 100, write), word_of(Error::out_of_frames));
    EXPECT_EQ(the_kernel.memory.free_frames(), before);
    EXPECT_EQ(machine.check(), "");
}

TEST(PageCalls, AnUnmappedPageIsUnusableAtOnce) {
    TestMachine machine;
    machine.boot();
    ASSERT_EQ(machine.call<abi::PageAlloc>(0, address, 1, write), 0u);
    std::byte value{};
    ASSERT_TRUE(machine::copy_in({&value, 1}, UserAddr{address}));  // now in the TLB
    ASSERT_EQ(machine.call<abi::PageUnmap>(0, address, 1), 0u);
    EXPECT_FALSE(machine::copy_in({&value, 1}, UserAddr{address}));
}

TEST(PageCalls, ADroppedWriteRightHoldsAtOnce) {
    TestMachine machine;
    machine.boot();
    ASSERT_EQ(machine.call<abi::PageAlloc>(0, address, 1, write), 0u);
    std::byte const value{1};
    ASSERT_TRUE(machine::copy_out(UserAddr{address}, {&value, 1}));
    ASSERT_EQ(machine.call<abi::PageProtect>(0, address, 1, abi::permission::read.bits), 0u);
    EXPECT_FALSE(machine::copy_out(UserAddr{address}, {&value, 1}));
}

TEST(PageCalls, AMovedPageIsUnusableWhereItWas) {
    TestMachine machine;
    machine.boot();
    constexpr auto target = address + 100 * page_bytes;
    // Neighbours keep the table: this is the short way.
    ASSERT_EQ(machine.call<abi::PageAlloc>(0, address, 9, write), 0u);
    for (auto const pages : {std::uint64_t{1}, std::uint64_t{3}}) {
        std::byte value{};
        ASSERT_TRUE(machine::copy_in({&value, 1}, UserAddr{address}));  // now in the TLB
        ASSERT_EQ(machine.call<abi::PageMove>(0, address, pages, 0, target, write), 0u);
        EXPECT_FALSE(machine::copy_in({&value, 1}, UserAddr{address}));
        ASSERT_EQ(machine.call<abi::PageMove>(0, target, pages, 0, address, write), 0u);
    }
    EXPECT_EQ(machine.check(), "");
}

TEST(Accounts, AnotherMappingOfAnothersFrameCostsAPage) {
    TestMachine machine;
    auto& root = machine.boot();
    auto const child_id = machine.call<abi::SpaceCreate>(100, 0, 0);
    ASSERT_EQ(machine.call<abi::PageAlloc>(child_id, address, 4, write), 0u);
    ASSERT_EQ(machine.call<abi::PageMap>(child_id, address, 4, 0, address, write), 0u);
    for (auto const pages : {std::uint64_t{1}, std::uint64_t{3}}) {
        auto const used = [&] {
            return the_kernel.memory.accounts.status(root.space().account()).used_pages;
        };
        auto const before = used();
        auto const target = address + (8 + pages) * page_bytes;
        ASSERT_EQ(machine.call<abi::PageMap>(0, address, pages, 0, target, write), 0u);
        EXPECT_EQ(used(), before + pages);
        EXPECT_EQ(machine.check(), "");
    }
}

TEST(Accounts, AMoveOverAMappingOfTheSameFrameIsPaidFor) {
    TestMachine machine;
    (void)machine.boot();
    auto const child_id = machine.call<abi::SpaceCreate>(100, 0, 0);
    ASSERT_EQ(machine.call<abi::PageAlloc>(0, address, 1, write), 0u);
    ASSERT_EQ(machine.call<abi::PageMap>(0, address, 1, child_id, address, write), 0u);
    ASSERT_EQ(machine.call<abi::PageMove>(child_id, address, 1, 0, address, write), 0u);
    EXPECT_EQ(machine.check(), "");
}

TEST(PageCalls, AShareThatCannotBePaidChangesNothing) {
    TestMachine machine;
    (void)machine.boot();
    auto const owner_id = machine.call<abi::SpaceCreate>(100, 0, 0);
    auto const child_id = machine.call<abi::SpaceCreate>(0, 0, 0);
    ASSERT_EQ(machine.call<abi::PageAlloc>(0, address, 2, write), 0u);
    ASSERT_EQ(machine.call<abi::PageAlloc>(owner_id, address, 2, write), 0u);
    ASSERT_EQ(machine.call<abi::PageMap>(owner_id, address, 2, 0, address + 2 * page_bytes, write),
              0u);
    // All that the account has left goes to an account that is split from it, but for the tables.
    auto& accounts = the_kernel.memory.accounts;
    auto const account = the_kernel.spaces.peek(child_id)->account();
    auto const status = accounts.status(account);
    auto const rest = status.limit_pages - status.used_pages - 4;
    ASSERT_GT(static_cast<std::int64_t>(machine.call<abi::SpaceCreate>(rest, 0, 0)), 0);
    abi::ShareMode const mode{abi::permission::execute, abi::permission::tag(4), {}};
    EXPECT_EQ(machine.call<abi::PageShare>(0, address, 4, child_id, address, mode.bits),
              encode_error(Error::out_of_account));
    EXPECT_EQ(machine.check(), "");
    // The caller's pages can be written as before, and its child has none.
    std::byte const value{1};
    EXPECT_TRUE(machine::copy_out(UserAddr{address}, {&value, 1}));
    EXPECT_EQ(machine.call<abi::PageProtect>(child_id, address, 1, std::uint64_t{1}),
              encode_error(Error::not_mapped));
}

TEST(Accounts, NobodyPinsMemoryAtAnothersCost) {
    TestMachine machine;
    auto& root = machine.boot();
    auto const child_id = machine.call<abi::SpaceCreate>(100, 0, 0);
    auto* const child = the_kernel.spaces.peek(child_id);
    auto const used = [&](Space& space) {
        return the_kernel.memory.accounts.status(space.account()).used_pages;
    };
    ASSERT_EQ(machine.call<abi::PageAlloc>(child_id, address, 10, write), 0u);
    auto const root_before = used(root.space());
    ASSERT_EQ(machine.call<abi::PageMap>(child_id, address, 10, 0, address, write), 0u);
    EXPECT_EQ(used(root.space()), root_before + 10 + 3) << "the mapper pays, and for its tables";
    ASSERT_EQ(machine.call<abi::PageUnmap>(child_id, address, 10), 0u);
    EXPECT_EQ(used(*child), 2u) << "the owner stops paying when it stops mapping";
    EXPECT_EQ(machine.check(), "");
}

}  // namespace
}  // namespace quarry
