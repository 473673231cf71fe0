// The portable kernel, case by case. Random sequences are in model_test.cpp.
#include "tests/host/machine_fixture.hpp"

#include <gtest/gtest.h>

#include <set>

namespace quarry {
namespace {

using test::TestMachine;
using test::word_of;

constexpr std::uint64_t address = 0x4000'0000;
constexpr auto write = abi::permission::write.bits;

TEST(FrameAllocator, HandsOutEachFrameOnceAndTakesAllBack) {
    TestMachine machine(1000, 700);  // begins and ends inside a block
    auto& frames = the_kernel.memory.frames;
    std::set<std::uint64_t> seen;
    while (auto const page = frames.allocate_page()) {
        ASSERT_TRUE(seen.insert(page->number()).second);
        ASSERT_GE(page->number(), 700u);
        ASSERT_LT(page->number(), 1700u);
    }
    EXPECT_EQ(seen.size(), 1000u);
    EXPECT_EQ(frames.free_frames(), 0u);
    for (auto const number : seen) {
        frames.free_page(PhysPage::numbered(number));
    }
    EXPECT_EQ(frames.free_frames(), 1000u);
    EXPECT_TRUE(frames.allocate_huge().has_value()) << "freed frames merge into a 2 MiB frame";
}

TEST(FrameAllocator, OneFrameOfABlockInUseIsNo2MiBFrame) {
    TestMachine machine(512);
    auto& frames = the_kernel.memory.frames;
    auto const page = frames.allocate_page();
    EXPECT_EQ(frames.allocate_huge().error(), Error::out_of_frames);
    frames.free_page(*page);
    EXPECT_TRUE(frames.allocate_huge().has_value());
}

TEST(Locks, TakenOutOfOrderAreFound) {
    TestMachine machine;
    SpinLock later{Rank::frames};
    SpinLock earlier{Rank::space};
    EXPECT_DEATH(
        {
            LockGuard const first(later);
            LockGuard const second(earlier);
        },
        "out of order");
}

TEST(IdTable, AnIdIsNeverGivenTwice) {
    TestMachine machine;  // a lock wants a processor
    IdTable<int, 4, Rank::space> table;
    int object = 0;
    std::set<std::uint64_t> seen;
    for (int round = 0; round < 1000; ++round) {
        auto const id = *table.insert(object);
        ASSERT_TRUE(seen.insert(id).second);
        ASSERT_EQ(table.peek(id), &object);
        ASSERT_EQ(table.find(id).object, &object);
        table.retire(id);
        table.release(id);
        ASSERT_EQ(table.find(id).object, nullptr);
    }
    for (int i = 0; i < 4; ++i) {
        ASSERT_TRUE(table.insert(object).has_value());
    }
    EXPECT_EQ(table.insert(object).error(), Error::out_of_slots);
}

TEST(Messages, APartnersSpaceIsForgottenWhenItIsGone) {
    TestMachine machine;
    auto& caller = machine.boot();
    auto const space = *the_kernel.create_space(caller.space(), 0, SpaceForm{}, "partner");
    auto* const partner = *the_kernel.create_environment(
        *the_kernel.spaces.find(space.value).object, UserAddr{0x400000}, UserAddr{0x7000}, 0);
    the_kernel.start(*partner);
    (void)machine.call<abi::IpcCall>(partner->id.value, 0, 0, 0, 0, 0);
    ASSERT_EQ(machine.current(), partner);
    (void)machine.call<abi::IpcReceive>(0);
    (void)machine.call<abi::IpcReplyReceive>(caller.id.value, 0, 0, 0, 0, 0);
    ASSERT_EQ(machine.current(), &caller);
    (void)machine.call<abi::IpcCall>(partner->id.value, 0, 0, 0, 0, 0);
    ASSERT_EQ(machine.current(), partner) << "who waited is gone to directly";
    (void)machine.call<abi::IpcReplyReceive>(caller.id.value, 0, 0, 0, 0, 0);
    ASSERT_EQ(machine.current(), &caller);
    ASSERT_EQ(this_processor().other_space, &partner->space()) << "it stays at hand";
    auto done = word_of(Error::again);
    while (done == word_of(Error::again)) {
        done = machine.call<abi::SpaceDestroy>(space.value);
    }
    EXPECT_EQ(done, 0u);
    EXPECT_EQ(this_processor().other_space, nullptr);
    EXPECT_EQ(machine.check(), "");
}

TEST(Spaces, AChildOfADeadSpacePassesToItsCreator) {
    TestMachine machine;
    auto& root = machine.boot();
    auto const child_id = machine.call<abi::SpaceCreate>(0, 0, 0);
    auto const env_id = machine.call<abi::EnvCreate>(child_id, 0x400000, 0x7000, 0);
    auto* const env = the_kernel.environments.peek(env_id);
    env->state = abi::EnvState::runnable;
    machine.run(*env);
    auto const grandchild = machine.call<abi::SpaceCreate>(0, 0, 0);
    env->state = abi::EnvState::stopped;
    machine.run(root);
    EXPECT_EQ(machine.call<abi::PageUnmap>(grandchild, address, 1), word_of(Error::not_allowed));
    while (machine.call<abi::SpaceDestroy>(child_id) == word_of(Error::again)) {
    }
    EXPECT_EQ(machine.call<abi::PageUnmap>(grandchild, address, 1), 0u);
    EXPECT_EQ(machine.check(), "");
}

TEST(Spaces, AHugeOneIsTornDownInBoundedSteps) {
    TestMachine machine(8192);
    machine.boot();
    auto const child = machine.call<abi::SpaceCreate>(0, 0, 0);
    for (std::uint64_t i = 0; i < 10; ++i) {
        ASSERT_EQ(machine.call<abi::PageAlloc>(child, address + i * huge_bytes, 512, write), 0u);
    }
    unsigned steps = 1;
    while (machine.call<abi::SpaceDestroy>(child) == word_of(Error::again)) {
        ++steps;
        ASSERT_EQ(machine.check(), "");
    }
    EXPECT_GE(steps, 2u);
    EXPECT_EQ(machine.check(), "");
}

TEST(Environments, TheFirstOnesExitIsTheMachines) {
    TestMachine machine;
    auto& root = machine.boot();
    (void)machine.call<abi::Exit>(0x1'0000'0007);
    ASSERT_TRUE(machine::host().powered_off.has_value());
    EXPECT_EQ(machine::host().powered_off->exit_status, 7u);
    EXPECT_EQ(root.state, abi::EnvState::ended);
}

TEST(Environments, AFaultIsReportedAndKeepsTheMemory) {
    TestMachine machine;
    auto& root = machine.boot();
    auto const child_id = machine.call<abi::SpaceCreate>(0, 0, 0);
    auto* const child = the_kernel.spaces.peek(child_id);
    child->set_name("victim\n");
    ASSERT_EQ(machine.call<abi::PageAlloc>(child_id, address, 1, write), 0u);
    auto const env_id = machine.call<abi::EnvCreate>(child_id, 0x400000, 0x7000, 0);
    auto* const env = the_kernel.environments.peek(env_id);
    (void)machine.call<abi::EnvStart>(env_id);
    (void)machine.call<abi::Yield>();
    ASSERT_EQ(machine.current(), env);
    the_kernel.end_by_fault({14, 0x1234, "page fault", "read, not mapped"});
    EXPECT_NE(machine::host().console.find("[victim? "), std::string::npos);
    EXPECT_NE(machine::host().console.find("page fault (read, not mapped), address 0x1234"),
              std::string::npos);
    EXPECT_EQ(machine.current(), &root);
    EXPECT_EQ(machine.call<abi::PageMap>(child_id, address, 1, 0, address, write), 0u)
        << "its creator can still look";
    EXPECT_EQ(machine.check(), "");
}

// Checked by the hosted machine, which knows whose registers it holds.
TEST(Environments, OneThatEndsBeforeItRunsIsNotLeftWithAnothersRegisters) {
    TestMachine machine;
    auto& root = machine.boot();
    auto* const doomed =
        *the_kernel.create_environment(root.space(), UserAddr{0x400000}, UserAddr{0x7000}, 0);
    doomed->upcall = {.entry = 0x400000, .stack = 0x8000, .stack_bytes = 0x1000};
    ASSERT_TRUE(the_kernel.give_control_page(*doomed));
    ASSERT_EQ(machine.call<abi::EnvInterrupt>(doomed->id.value, 1), 0u);
    the_kernel.start(*doomed);
    (void)machine.call<abi::Yield>();
    EXPECT_TRUE(doomed->ended()) << "there is no page at its upcall stack";
    EXPECT_EQ(machine.current(), &root);
}

TEST(Environments, WithNobodyLeftToRunTheMachineSaysSo) {
    TestMachine machine;
    machine.boot();
    (void)machine.call<abi::EnvStop>(0);
    EXPECT_TRUE(machine::host().idle_forever);
}

TEST(Console, AReaderSleepsUntilAKeyComes) {
    TestMachine machine;
    auto& root = machine.boot();
    ASSERT_EQ(machine.call<abi::PageAlloc>(0, address, 1, write), 0u);
    (void)machine.call<abi::ConsoleRead>(address, 10);
    EXPECT_EQ(root.state, abi::EnvState::blocked);
    the_kernel.key_pressed('k');
    EXPECT_EQ(root.saved.result(), word_of(Error::again));
    EXPECT_EQ(root.state, abi::EnvState::runnable);
    the_kernel.reschedule();
    EXPECT_EQ(machine.call<abi::ConsoleRead>(address, 10), 1u);
    std::byte key{};
    ASSERT_TRUE(machine::copy_in({&key, 1}, UserAddr{address}));
    EXPECT_EQ(static_cast<char>(key), 'k');
}

TEST(Console, ABadBufferLosesNoKeys) {
    TestMachine machine;
    machine.boot();
    ASSERT_EQ(machine.call<abi::PageAlloc>(0, address, 1, write), 0u);
    the_kernel.key_pressed('a');
    EXPECT_EQ(machine.call<abi::ConsoleRead>(0x9000, 10), word_of(Error::bad_buffer));
    EXPECT_EQ(machine.call<abi::ConsoleRead>(address, 10), 1u);
}

}  // namespace
}  // namespace quarry
