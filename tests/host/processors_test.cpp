// Several threads are several processors of one kernel, each making random calls as whatever
// environment it runs. ThreadSanitizer watches; at rest the invariants hold and no page has ever been
// written by a space that does not map it. QUARRY_SOAK_CALLS sets how many calls each makes.
#include "tests/host/processors_fixture.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <optional>
#include <random>
#include <thread>

namespace quarry::test {
namespace {

constexpr unsigned threads = 4;
constexpr std::size_t frames = 4096;
constexpr std::uint64_t pages_base = 0x10000;  // page numbers that calls use
constexpr std::uint64_t pages_used = 40;

// Ids that calls name: what was created lately, by anyone.
class KnownIds {
  public:
    void add(std::uint64_t id) { ids_[next_++ % ids_.size()] = id; }
    std::uint64_t any(std::uint64_t random) const { return ids_[random % ids_.size()]; }

  private:
    std::array<std::atomic<std::uint64_t>, 24> ids_{};
    std::atomic<std::size_t> next_ = 0;
};

class Soak {
  public:
    explicit Soak(std::uint64_t seed) : seed_(seed), machine_(threads, frames) {
        auto* const root = *the_kernel.create_root_space(frames, SpaceForm{}, "root");
        spaces_.add(root->id.value);
        for (unsigned i = 0; i < 2 * threads; ++i) {
            auto* const environment =
                *the_kernel.create_environment(*root, UserAddr{0x400000}, UserAddr{0x7000}, 0);
            environments_.add(environment->id.value);
            the_kernel.start(*environment);
        }
    }

    void run(std::uint64_t calls) {
        std::vector<std::thread> running;
        for (unsigned i = 0; i < threads; ++i) {
            running.emplace_back([this, i, calls] { be_processor(i, calls); });
        }
        for (auto& thread : running) {
            thread.join();
        }
    }
    std::string_view check() {
        return foreign_ != 0 ? "a page had another space's contents" : machine_.check();
    }
    std::uint64_t made() const { return made_; }

  private:
    void be_processor(unsigned index, std::uint64_t calls) {
        machine_.become(index);
        auto& self = this_processor();
        std::mt19937_64 random(seed_ * threads + index);
        self.machine.dawdles.emplace(static_cast<unsigned>(random()));
        for (std::uint64_t i = 0; i < calls; ++i) {
            serve_mailbox();
            if (self.machine.interrupted.exchange(false) && the_kernel.must_switch()) {
                the_kernel.reschedule();
            }
            if (i % 32 == 0) {
                the_kernel.tick();
            }
            if (self.current == nullptr) {
                the_kernel.reschedule();
            }
            if (self.current == nullptr) {
                revive(random);
                std::this_thread::yield();
            } else {
                call(random);
                ++made_;
            }
        }
        // Lets go of what it runs, and answers the others until they have come to their ends too.
        if (self.current != nullptr) {
            self.current->state = abi::EnvState::stopped;
        }
        the_kernel.reschedule();
        while (self.current != nullptr) {
            self.current->state = abi::EnvState::stopped;
            the_kernel.reschedule();
        }
        ++done_;
        while (done_ != threads) {
            serve_mailbox();
            std::this_thread::yield();
        }
    }

    // From outside, as the monitor might: with nothing to run, something that is blocked or stopped
    // goes on.
    void revive(std::mt19937_64& random) {
        auto found = the_kernel.environments.find(environments_.any(random()), true);
        if (found.object != nullptr && !found.object->ended() && the_kernel.stop(*found.object)) {
            the_kernel.start(*found.object);
        }
    }

    // A page is written only by its space, so it holds that space's stamp or zero: a stale translation
    // would show another one's. No stamp is part of another: each byte has as many bits as the next.
    static std::uint64_t stamp_of(Space const& space) {
        constexpr std::array<std::uint64_t, 16> digits{0x0f, 0x17, 0x1b, 0x1d, 0x1e, 0x27,
                                                       0x2b, 0x2d, 0x2e, 0x33, 0x35, 0x36,
                                                       0x39, 0x3a, 0x3c, 0x47};
        std::uint64_t stamp = 0;
        for (unsigned byte = 0; byte < 8; ++byte) {
            auto const id = (space.id.value & 0xf) | (space.id.value >> 16 << 4);
            stamp |= digits[id >> (4 * byte) & 15] << (8 * byte);
        }
        return stamp;
    }
    void touch(std::mt19937_64& random) {
        auto const own = stamp_of(this_processor().current->space());
        UserAddr const address{(pages_base + random() % pages_used) << page_shift};
        std::uint64_t value = own;
        auto const bytes = std::as_writable_bytes(std::span(&value, 1));
        if (random() % 2 == 0) {
            (void)machine::copy_out(address, bytes);
        } else if (machine::copy_in(bytes, address) && (value & ~own) != 0) {
            ++foreign_;  // more than a part of what another processor writes at this moment
        }
    }

    void page_call(std::mt19937_64& random) {
        auto const page = [&] { return (pages_base + random() % pages_used) << page_shift; };
        auto const count = 1 + random() % 4;
        constexpr std::array<std::uint64_t, 4> perms{1, 3, 0, 1 | 8};
        auto const mode = perms[random() % perms.size()];
        switch (random() % 6) {
            case 5: {
                abi::ShareMode const parting{abi::permission::execute, abi::permission::tag(4), {}};
                (void)machine_.call<abi::PageShare>(0, page(), count, 0, page(), parting.bits);
                break;
            }
            case 0:
                (void)machine_.call<abi::PageAlloc>(0, page(), count, mode);
                break;
            case 1:
                (void)machine_.call<abi::PageMap>(0, page(), count, 0, page(), mode);
                break;
            case 2:
                (void)machine_.call<abi::PageMove>(0, page(), count, 0, page(), 3 | 8);
                break;
            case 3:
                (void)machine_.call<abi::PageProtect>(0, page(), count, mode);
                break;
            default:
                (void)machine_.call<abi::PageUnmap>(0, page(), count);
                break;
        }
    }

    // Of other spaces only what leaves no foreign contents: allocation and unmapping.
    void other_space_call(std::mt19937_64& random) {
        auto const space = spaces_.any(random());
        auto const at = (pages_base + random() % pages_used) << page_shift;
        switch (random() % 7) {
            case 0:
                if (auto const id = machine_.call<abi::SpaceCreate>(random() % 2 * 64, 0, 0);
                    static_cast<std::int64_t>(id) > 0) {
                    spaces_.add(id);
                }
                break;
            case 1:
                (void)machine_.call<abi::SpaceDestroy>(space);
                break;
            case 2:
                (void)machine_.call<abi::WindowGrant>(0, at, 20, space);
                break;
            case 3:
                (void)machine_.call<abi::WindowRevoke>(0, space);
                break;
            case 4:
                (void)machine_.call<abi::SpaceNextChild>(0);
                break;
            case 5:
                (void)machine_.call<abi::PageAlloc>(space, at, 1, 3);
                break;
            default:
                (void)machine_.call<abi::PageUnmap>(space, at, 2);
                break;
        }
    }

    void environment_call(std::mt19937_64& random) {
        auto const env = environments_.any(random());
        switch (random() % 8) {
            case 0:
            case 1:
                if (auto const id = machine_.call<abi::EnvCreate>(
                        random() % 2 == 0 ? 0 : spaces_.any(random()), 0x400000, 0x7000, 0);
                    static_cast<std::int64_t>(id) > 0) {
                    environments_.add(id);
                    (void)machine_.call<abi::EnvStart>(id);
                }
                break;
            case 2:
                (void)machine_.call<abi::EnvStart>(env);
                break;
            case 3:
                (void)machine_.call<abi::EnvStop>(env);
                break;
            case 4:
                if (random() % 4 == 0) {
                    (void)machine_.call<abi::EnvDestroy>(env);
                }
                break;
            case 5:
                (void)machine_.call<abi::EnvNotify>(env, environments_.any(random()), 1);
                break;
            case 6:
                (void)machine_.call<abi::EnvInterrupt>(env, 1);
                break;
            default:
                (void)machine_.call<abi::EnvWait>(env, soon());
                break;
        }
    }

    void meeting_call(std::mt19937_64& random) {
        auto const env = environments_.any(random());
        switch (random() % 9) {
            case 0:
                (void)machine_.call<abi::IpcCall>(env, 1, 2, 3, 4, 0);
                break;
            case 1:
            case 2:
                (void)machine_.call<abi::IpcReplyReceive>(env, 1, 2, 3, 4, 0);
                break;
            case 3:
                (void)machine_.call<abi::IpcSend>(env, 1, 2, 3, 4, 0);
                break;
            case 4:
                (void)machine_.call<abi::IpcReceive>(0);
                break;
            case 5:
                (void)machine_.call<abi::YieldTo>(env);
                break;
            case 6:
                (void)machine_.call<abi::WordWait>(pages_base << page_shift, 0, random() % 2,
                                                   soon());
                break;
            case 7:
                (void)machine_.call<abi::WordWake>(pages_base << page_shift, 2, random() % 2);
                break;
            default:
                (void)machine_.call<abi::Sleep>(soon());
                break;
        }
    }

    void call(std::mt19937_64& random) {
        auto const kind = random() % 100;
        if (kind < 40) {
            page_call(random);
        } else if (kind < 60) {
            touch(random);
        } else if (kind < 70) {
            other_space_call(random);
        } else if (kind < 80) {
            environment_call(random);
        } else if (kind < 97) {
            meeting_call(random);
        } else {
            (void)machine_.call<abi::Yield>();
        }
    }

    static std::uint64_t soon() { return machine::clock_nanoseconds() + 200; }

    std::uint64_t seed_;
    ProcessorsMachine machine_;
    KnownIds spaces_;
    KnownIds environments_;
    std::atomic<std::uint64_t> foreign_ = 0;
    std::atomic<std::uint64_t> made_ = 0;
    std::atomic<unsigned> done_ = 0;
};

TEST(TimerQueue, WhoWasTakenOutMayHaveAnotherDeadlineAtOnce) {
    ProcessorsMachine machine(2, frames);
    auto* const space = *the_kernel.create_root_space(frames, SpaceForm{}, "root");
    auto& environment =
        **the_kernel.create_environment(*space, UserAddr{0x400000}, UserAddr{0x7000}, 0);
    environment.deadline = 5;
    (void)processors[0]->deadlines.push(environment, 0);
    std::thread other([&] {
        machine.become(1);
        while (environment.timer_on != Environment::nowhere) {
            std::this_thread::yield();
        }
        environment.deadline = 7;
        (void)processors[1]->deadlines.push(environment, 1);
    });
    EXPECT_EQ(processors[0]->deadlines.pop_due(6), environment.id.value);
    other.join();
    EXPECT_EQ(processors[0]->deadlines.first(), TimerQueue::never);
    EXPECT_EQ(processors[1]->deadlines.first(), 7u);
}

// Its space may be gone then, and the set with it.
TEST(ProcessorSet, WhoHasLeftTouchesItNoMore) {
    std::optional<ProcessorSet> set(std::in_place);
    set->enter(1);
    std::thread other([&] { set->leave(1); });
    while (set->load() != 0) {
        std::this_thread::yield();
    }
    set.emplace().enter(2);
    EXPECT_TRUE(set->is_single());
    other.join();
}

// It goes on without the lock under which the one that woke it wrote the result.
TEST(Waiting, WhoIsWokenWhileItStillHasItsProcessorFindsTheResult) {
    ProcessorsMachine machine(2, frames);
    auto* const space = *the_kernel.create_root_space(frames, SpaceForm{}, "root");
    auto& sleeper =
        **the_kernel.create_environment(*space, UserAddr{0x400000}, UserAddr{0x7000}, 0);
    the_kernel.start(sleeper);
    the_kernel.reschedule();
    {
        auto const lock = HeldLock::take(*sleeper.lock);
        ASSERT_TRUE(the_kernel.block(sleeper, Wait::bits, 1, 0, false));
    }
    std::thread other([&] {
        machine.become(1);
        auto const lock = HeldLock::take(*sleeper.lock);
        the_kernel.end_wait(sleeper, 7);
    });
    while (the_kernel.must_switch()) {
        std::this_thread::yield();
    }
    EXPECT_EQ(sleeper.saved.result(), 7u);
    other.join();
}

// It is at an end from the first step on, and yet in the middle of its last call.
TEST(Family, WhatADyingSpaceCreatesPassesToItsCreator) {
    ProcessorsMachine machine(2, frames);
    auto* const root = *the_kernel.create_root_space(frames, SpaceForm{}, "root");
    auto& creator = **the_kernel.create_environment(*root, UserAddr{0x400000}, UserAddr{0x7000}, 0);
    the_kernel.start(creator);
    the_kernel.reschedule();
    auto const doomed = ProcessorsMachine::call<abi::SpaceCreate>(0, 0, 0);
    auto const env = ProcessorsMachine::call<abi::EnvCreate>(doomed, 0x400000, 0x7000, 0);
    ASSERT_EQ(ProcessorsMachine::call<abi::EnvStart>(env), 0u);
    machine.become(1);
    the_kernel.reschedule();
    ASSERT_EQ(this_processor().current->id.value, env);

    auto const destroy = [&] { return ProcessorsMachine::call<abi::SpaceDestroy>(doomed); };
    machine.become(0);
    ASSERT_EQ(destroy(), encode_error(Error::again));
    ASSERT_EQ(destroy(), encode_error(Error::again)) << "the other processor has it";
    machine.become(1);
    auto const late = ProcessorsMachine::call<abi::SpaceCreate>(0, 0, 0);
    the_kernel.reschedule();
    machine.become(0);
    ASSERT_EQ(destroy(), 0u);
    EXPECT_EQ(machine.check(), "");
    EXPECT_EQ(ProcessorsMachine::call<abi::SpaceNextChild>(0), late);
}

TEST(Processors, RandomCallsOnSeveralLeaveTheInvariantsWhole) {
    auto const* const text = std::getenv("QUARRY_SOAK_CALLS");
    auto const calls = text != nullptr ? std::stoull(text) : 200'000;
    constexpr std::uint64_t calls_a_world = 5'000;
    std::uint64_t made = 0;
    for (std::uint64_t done = 0, seed = 1; done < calls; done += calls_a_world, ++seed) {
        Soak soak(seed);
        soak.run(calls_a_world);
        ASSERT_EQ(soak.check(), "") << "seed " << seed;
        made += soak.made();
    }
    EXPECT_GT(made, calls) << "something runs most of the time";
}

}  // namespace
}  // namespace quarry::test
