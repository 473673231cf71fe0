// Whose turn it is: directed yields, and processors without work.
#include "tests/host/machine_fixture.hpp"

#include <gtest/gtest.h>

namespace quarry {
namespace {

using test::TestMachine;

// Two that yield to each other; the first one runs, and the second has yielded.
struct Yielders {
    TestMachine machine;
    Environment& first = machine.boot();
    abi::SpaceId space = *the_kernel.create_space(first.space(), 0, SpaceForm{}, "partner");
    Environment* second = *the_kernel.create_environment(
        *the_kernel.spaces.find(space.value).object, UserAddr{0x400000}, UserAddr{0x7000}, 0);

    Yielders() {
        the_kernel.start(*second);
        for (int i = 0; i < 3; ++i) {
            (void)machine.call<abi::YieldTo>(second->id.value);
            EXPECT_EQ(machine.current(), second);
            EXPECT_EQ(yielder(), first.id.value);
            (void)machine.call<abi::YieldTo>(first.id.value);
            EXPECT_EQ(machine.current(), &first);
            EXPECT_EQ(yielder(), second->id.value);
        }
    }
    static std::uint64_t yielder() { return this_processor().yielder.id(); }
};

TEST(DirectedYield, WhoHasYieldedTakesItsTurnWhenTheOtherOneWaits) {
    Yielders both;
    (void)both.machine.call<abi::IpcReceive>(0);
    EXPECT_EQ(both.machine.current(), both.second);
    EXPECT_EQ(Yielders::yielder(), 0u);
}

TEST(DirectedYield, WhoHasYieldedGoesFirstWhenTheOtherOnesTimeIsUp) {
    Yielders both;
    the_kernel.tick();
    ASSERT_TRUE(the_kernel.must_switch()) << "it waits like any other";
    the_kernel.reschedule();
    EXPECT_EQ(both.machine.current(), both.second);
    EXPECT_EQ(both.first.queued_on, 0u);
}

TEST(DirectedYield, WhoHasYieldedCanBeStoppedAndDestroyed) {
    Yielders both;
    ASSERT_EQ(both.machine.call<abi::EnvStop>(both.second->id.value), 0u);
    EXPECT_EQ(Yielders::yielder(), 0u);
    EXPECT_EQ(both.second->queued_on, Environment::nowhere);
    (void)both.machine.call<abi::YieldTo>(both.second->id.value);
    EXPECT_EQ(both.machine.current(), &both.first) << "who is stopped does not run";
    ASSERT_EQ(both.machine.call<abi::EnvStart>(both.second->id.value), 0u);
    (void)both.machine.call<abi::YieldTo>(both.second->id.value);
    EXPECT_EQ(both.machine.current(), both.second);
    (void)both.machine.call<abi::YieldTo>(both.first.id.value);
    EXPECT_EQ(both.machine.call<abi::EnvDestroy>(both.second->id.value), 0u);
    EXPECT_EQ(Yielders::yielder(), 0u);
    EXPECT_EQ(both.machine.check(), "");
}

TEST(DirectedYield, WhoHasYieldedIsWokenByAnInterrupt) {
    Yielders both;
    ASSERT_EQ(both.machine.call<abi::EnvInterrupt>(both.second->id.value, 1), 0u);
    EXPECT_EQ(Yielders::yielder(), 0u);
    EXPECT_EQ(both.second->queued_on, 0u) << "it takes the bits when it runs";
}

TEST(IdleSet, WhoWokeDuringTheLookMayHaveFoundSomethingToRun) {
    IdleSet idle;
    idle.enter(1);
    EXPECT_FALSE(idle.for_ever(3, [] { return true; })) << "the other one does not idle";
    idle.enter(2);
    EXPECT_TRUE(idle.for_ever(3, [] { return true; }));
    EXPECT_FALSE(idle.for_ever(3, [] { return false; }));
    auto const wakes_and_sleeps = [&] {
        idle.leave(2);
        idle.enter(2);
        return true;
    };
    EXPECT_FALSE(idle.for_ever(3, wakes_and_sleeps));
}

}  // namespace
}  // namespace quarry
