// A kernel with an arena of its own, and native calls into it as a chosen environment makes them.
#pragma once

#include "kernel/checker.hpp"
#include "kernel/dispatch.hpp"
#include "kernel/kernel.hpp"

#include <array>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <span>
#include <vector>

namespace quarry::test {

class TestMachine {
  public:
    // `frames` frames for programs in regions that begin at `first`; metadata lies behind them.
    explicit TestMachine(std::size_t frames = 1024, std::size_t first = 512)
        : regions_{MemoryRegion{PhysPage::numbered(first), frames}} {
        auto const end = (first + frames + huge_pages - 1) / huge_pages * huge_pages;
        auto const metadata = FrameAllocator::metadata_bytes(end);
        auto const bytes = end * page_bytes + metadata;
        auto* const memory = static_cast<std::byte*>(
            std::aligned_alloc(huge_bytes, (bytes + huge_bytes - 1) / huge_bytes * huge_bytes));
        memory_.reset(memory);
        machine::reset_host({memory, end * page_bytes});
        std::destroy_at(&the_kernel);
        std::construct_at(&the_kernel);
        processors[0] = &processor_;
        processor_count = 1;
        machine::set_this_processor(processor_);
        the_kernel.memory.frames.initialise(regions_, {memory + end * page_bytes, metadata}, end);
        checker_ = std::make_unique<InvariantChecker>(the_kernel, regions_);
    }

    // The first space with one running environment in it, which becomes the caller.
    Environment& boot(std::uint64_t limit_pages = 0) {
        auto* const space = *the_kernel.create_root_space(
            limit_pages != 0 ? limit_pages : the_kernel.memory.frames.total_frames(), SpaceForm{},
            "root");
        auto* const environment =
            *the_kernel.create_environment(*space, UserAddr{0x400000}, UserAddr{0x7000}, 0);
        environment->state = abi::EnvState::runnable;
        run(*environment);
        return *environment;
    }

    void run(Environment& environment) {
        if (processor_.current != nullptr) {
            processor_.current->on = Environment::nowhere;
        }
        if (environment.queued_on != Environment::nowhere) {
            processor_.ready.remove(environment, 0);
        }
        environment.on = 0;
        processor_.current = &environment;
        Kernel::use_space(processor_, environment.space());
        machine::enter(environment);
    }

    // A native call by the current environment, raw.
    template <typename Call, typename... Words>
    std::uint64_t call(Words... words) {
        std::array<std::uint64_t, 6> w{static_cast<std::uint64_t>(words)...};
        return quarry_call_table[Call::index](w[0], w[1], w[2], w[3], w[4], w[5]);
    }

    Environment* current() const { return processor_.current; }

    std::string_view check() { return checker_->check(); }

  private:
    struct Free {
        void operator()(std::byte* memory) const { std::free(memory); }
    };
    std::array<MemoryRegion, 1> regions_;
    Processor processor_;
    std::unique_ptr<std::byte, Free> memory_;
    std::unique_ptr<InvariantChecker> checker_;
};

constexpr std::uint64_t word_of(abi::Error error) { return encode_error(error); }

}  // namespace quarry::test
