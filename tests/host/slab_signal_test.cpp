// Signal handlers that allocate while the thread that they interrupt does the same: at each of its instructions, by
// single steps (Intel SDM volume 3, section 18.3.1.4).
#include "tests/host/slab_fixture.hpp"

#include <gtest/gtest.h>
#include <malloc.h>
#include <signal.h>
#include <stdlib.h>

#include <array>
#include <cstdint>
#include <cstring>
#include <vector>

namespace slab::test {
namespace {

constexpr std::size_t bytes_inside = 64;

// What the handler does at every step: it allocates.
struct Steps {
    std::array<unsigned char*, 20'000> got{};
    std::size_t served = 0;
    std::size_t refused = 0;
};
Steps steps;

void on_step(int) {
    auto* const block = static_cast<unsigned char*>(opaque(std::malloc(bytes_inside)));
    if (block == nullptr) {
        ++steps.refused;
    } else if (steps.served != steps.got.size()) {
        std::memset(block, 0xee, bytes_inside);
        steps.got[steps.served++] = block;
    }
}

// Calls with the trap flag set, which is changed beside the red zone (System V ABI, section 3.2.2).
template <typename Call>
void in_steps(Call call) {
    asm volatile(
        "lea -128(%%rsp), %%rsp; pushfq; orq $0x100, (%%rsp); popfq; lea 128(%%rsp), %%rsp" ::
            : "memory", "cc");
    call();
    asm volatile(
        "lea -128(%%rsp), %%rsp; pushfq; andq $~0x100, (%%rsp); popfq; lea 128(%%rsp), %%rsp" ::
            : "memory", "cc");
}

class SlabSignals : public ::testing::Test {
  protected:
    SlabSignals() {
        struct sigaction action{};
        action.sa_handler = on_step;
        sigaction(SIGTRAP, &action, &before_);
        setenv("SLAB_ON_ERROR", "ignore", 1);
        malloc_trim(0);  // what other tests left is given back first: that would be many steps
        steps.served = 0;
        steps.refused = 0;
    }
    ~SlabSignals() override {
        unsetenv("SLAB_ON_ERROR");
        sigaction(SIGTRAP, &before_, nullptr);
    }

    // Makes a block and frees it, a few times; nobody else gets what the handlers or the program did.
    template <typename Make>
    static void interrupt(std::size_t bytes, Make make) {
        for (int round = 0; round < 5; ++round) {
            unsigned char* block = nullptr;
            in_steps([&] { block = static_cast<unsigned char*>(opaque(make())); });
            ASSERT_NE(block, nullptr);
            std::memset(block, 0x11, bytes);
            in_steps([&] { std::free(opaque(block)); });
        }
        for (std::size_t i = 0; i < steps.served; ++i) {
            for (std::size_t at = 0; at < bytes_inside; ++at) {
                ASSERT_EQ(steps.got[i][at], 0xee) << i;
            }
        }
        for (std::size_t i = 0; i < steps.served; ++i) {
            std::memset(steps.got[i], 0, bytes_inside);
            std::free(opaque(steps.got[i]));
        }
        EXPECT_GT(steps.served, 0u) << "the heap is not at work yet";
        EXPECT_GT(steps.refused, 300u);
        steps.served = 0;
        steps.refused = 0;
    }

  private:
    struct sigaction before_{};
};

// As many blocks as some slabs have, each its own.
void look_at_the_heap(std::size_t bytes) {
    std::vector<unsigned char*> blocks(5'000'000 / bytes);
    for (std::size_t i = 0; i < blocks.size(); ++i) {
        blocks[i] = static_cast<unsigned char*>(opaque(std::malloc(bytes)));
        ASSERT_NE(blocks[i], nullptr);
        std::memset(blocks[i], static_cast<int>(i % 251), bytes);
    }
    for (std::size_t i = 0; i < blocks.size(); ++i) {
        ASSERT_EQ(blocks[i][0], i % 251);
        ASSERT_EQ(blocks[i][bytes - 1], i % 251);
        std::free(blocks[i]);
    }
}

// The ways that take long, in which locks are held: a handler that waited for them would stand still.
TEST_F(SlabSignals, AHandlerThatInterruptsTheWayOfALargeBlockIsRefused) {
    constexpr std::size_t bytes = 100'000;
    ASSERT_NO_FATAL_FAILURE(interrupt(bytes, [] { return std::malloc(bytes); }));
    look_at_the_heap(bytes);
    look_at_the_heap(bytes_inside);
}

// Of a hardened heap all ways are such.
TEST_F(SlabSignals, AHandlerThatInterruptsAHardenedHeapIsRefused) {
    if (!is_hardened()) {
        GTEST_SKIP() << "a default heap's fast ways do not say that they are under way";
    }
    for (std::size_t const bytes : {bytes_inside, std::size_t{600}, std::size_t{5'000}}) {
        ASSERT_NO_FATAL_FAILURE(interrupt(bytes, [=] { return std::malloc(bytes); }));
        ASSERT_NO_FATAL_FAILURE(interrupt(bytes, [=] { return std::calloc(1, bytes); }));
        ASSERT_NO_FATAL_FAILURE(
            interrupt(bytes, [=] { return std::realloc(std::malloc(bytes_inside / 2), bytes); }));
        look_at_the_heap(bytes);
    }
    look_at_the_heap(bytes_inside);
}

using SlabSignalsDeath = SlabSignals;

TEST_F(SlabSignalsDeath, TheRefusalIsReported) {
    unsetenv("SLAB_ON_ERROR");
    EXPECT_DEATH(in_steps([] { std::free(opaque(std::malloc(100'000))); }),
                 "slab: a signal handler that interrupted the heap allocates or frees");
}

}  // namespace
}  // namespace slab::test
