// What independent work on two processors shares: nothing. Each line that the kernel writes, locks
// included, is noted with who wrote it; what both wrote would pass between their caches.
#include "tests/host/processors_fixture.hpp"
#include "tests/host/write_recorder.hpp"

#include <gtest/gtest.h>

#include <format>
#include <functional>

namespace quarry::test {
namespace {

class Sharing : public ::testing::Test {
  protected:
    static constexpr std::uint64_t area = 0x10000000;
    static constexpr std::uint64_t write = 3;

    Sharing() {
        for (unsigned i = 0; i < 2; ++i) {
            machine_.become(i);
            auto* const space = *the_kernel.create_root_space(2000, SpaceForm{}, "worker");
            first_[i] = run_new(*space);
            second_[i] =
                *the_kernel.create_environment(*space, UserAddr{0x400000}, UserAddr{0x7000}, 0);
        }
    }
    ~Sharing() override {
        for (unsigned i = 0; i < 2; ++i) {
            machine_.become(i);
            this_processor().current = nullptr;
        }
    }

    Environment* run_new(Space& space) {
        auto* const environment =
            *the_kernel.create_environment(space, UserAddr{0x400000}, UserAddr{0x7000}, 0);
        environment->state = abi::EnvState::runnable;
        auto& self = this_processor();
        environment->on = self.index;
        self.current = environment;
        machine::enter(*environment);
        Kernel::use_space(self, space);
        return environment;
    }

    // Both processors do the work in turn, first to warm up, then watched.
    void expect_nothing_shared(std::function<void()> const& work) {
        auto const round = [&] {
            for (int turn = 0; turn < 20; ++turn) {
                for (unsigned i = 0; i < 2; ++i) {
                    machine_.become(i);
                    work();
                }
            }
        };
        round();
        WriteRecorder const recorder;
        round();
        std::size_t own = 0;
        for (auto const& [line, writers] : recorder.lines()) {
            own += writers == 1 || writers == 2 ? 1 : 0;
            EXPECT_NE(writers, 3u)
                << std::format("both write the line at {:#x} ({})", line, place(line));
        }
        EXPECT_GT(own, 3u) << "the recorder sees writes";
    }

    static std::string place(std::uint64_t line) {
        auto const offset = line - reinterpret_cast<std::uint64_t>(&the_kernel);
        auto const arena = machine::host().arena;
        auto const in_arena = line - reinterpret_cast<std::uint64_t>(arena.data());
        if (in_arena < arena.size()) {
            return std::format("frame {}", in_arena / page_bytes);
        }
        return offset < sizeof(Kernel) ? std::format("the kernel + {:#x}", offset)
                                       : std::string("metadata or elsewhere");
    }

    ProcessorsMachine machine_{2, 8192};
    std::array<Environment*, 2> first_{};
    std::array<Environment*, 2> second_{};
};

TEST_F(Sharing, IndependentPageCallsShareNoLine) {
    for (unsigned i = 0; i < 2; ++i) {  // so that a table stays
        machine_.become(i);
        ASSERT_EQ(machine_.call<abi::PageAlloc>(0, area + (100u << page_shift), 1, write), 0u);
    }
    expect_nothing_shared([&] {
        ASSERT_EQ(machine_.call<abi::PageAlloc>(0, area, 4, write), 0u);
        ASSERT_EQ(machine_.call<abi::PageAlloc>(0, area + (8u << page_shift), 1, write), 0u);
        ASSERT_EQ(machine_.call<abi::PageMap>(0, area, 4, 0, area + (16u << page_shift), write),
                  0u);
        ASSERT_EQ(machine_.call<abi::PageProtect>(0, area, 4, 1 | 8), 0u);
        ASSERT_EQ(machine_.call<abi::PageMove>(0, area, 4, 0, area + (32u << page_shift), write),
                  0u);
        ASSERT_EQ(machine_.call<abi::PageUnmap>(0, area, 64), 0u);
    });
}

TEST_F(Sharing, IndependentPagesAloneInTheirTablesShareNoLine) {
    expect_nothing_shared([&] {
        ASSERT_EQ(machine_.call<abi::PageAlloc>(0, area, 1, write), 0u);
        ASSERT_EQ(machine_.call<abi::PageUnmap>(0, area, 1), 0u);
    });
}

// A fault that a program handles writes its own saved registers and upcall stack in entry code; what is
// left to the kernel's C++ is the upcall for interrupt bits.
TEST_F(Sharing, IndependentUpcallsShareNoLine) {
    for (unsigned i = 0; i < 2; ++i) {
        machine_.become(i);
        ASSERT_EQ(machine_.call<abi::PageAlloc>(0, area, 1, write), 0u);
        first_[i]->upcall = {0x400000, area, page_bytes, 0};
    }
    expect_nothing_shared([&] {
        auto& environment = *this_processor().current;
        environment.saved.rsp = 0x7000;
        ASSERT_TRUE(Kernel::push_upcall(environment, 14, 2, 0x1234));
    });
}

TEST_F(Sharing, IndependentPairsOfMessagesShareNoLine) {
    for (unsigned i = 0; i < 2; ++i) {
        machine_.become(i);
        the_kernel.start(*second_[i]);
        // The first one calls before its partner receives; from then on one always waits.
        (void)machine_.call<abi::IpcCall>(second_[i]->id.value, 0, 0, 0, 0, 0);
        ASSERT_EQ(this_processor().current, second_[i]);
        (void)machine_.call<abi::IpcReceive>(0);
        ASSERT_EQ(this_processor().current, second_[i]);
    }
    expect_nothing_shared([&] {
        auto& self = this_processor();
        auto* const client = first_[self.index];
        (void)machine_.call<abi::IpcReplyReceive>(client->id.value, 1, 2, 3, 4, 0);
        ASSERT_EQ(self.current, client);
        (void)machine_.call<abi::IpcCall>(second_[self.index]->id.value, 1, 2, 3, 4, 0);
        ASSERT_EQ(self.current, second_[self.index]);
    });
}

}  // namespace
}  // namespace quarry::test
