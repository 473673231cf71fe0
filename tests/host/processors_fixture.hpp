// A kernel with several processors: each is run by whoever calls become() on it, a thread or a test
// that plays them all.
#pragma once

#include "kernel/checker.hpp"
#include "kernel/dispatch.hpp"
#include "kernel/kernel.hpp"

#include <array>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <vector>

namespace quarry::test {

class ProcessorsMachine {
  public:
    ProcessorsMachine(unsigned count, std::size_t frames)
        : regions_{MemoryRegion{PhysPage::numbered(512), frames}}, own_(count) {
        auto const end = (512 + frames + huge_pages - 1) / huge_pages * huge_pages;
        auto const metadata = FrameAllocator::metadata_bytes(end);
        auto const bytes = (end * page_bytes + metadata + huge_bytes - 1) / huge_bytes * huge_bytes;
        auto* const memory = static_cast<std::byte*>(std::aligned_alloc(huge_bytes, bytes));
        memory_.reset(memory);
        machine::reset_host({memory, end * page_bytes});
        std::destroy_at(&the_kernel);
        std::construct_at(&the_kernel);
        for (unsigned i = 0; i < count; ++i) {
            own_[i] = std::make_unique<Processor>();
            own_[i]->index = i;
            own_[i]->bit = std::uint64_t{1} << i;
            processors[i] = own_[i].get();
        }
        processor_count = count;
        become(0);
        the_kernel.memory.frames.initialise(regions_, {memory + end * page_bytes, metadata}, end);
        checker_ = std::make_unique<InvariantChecker>(the_kernel, regions_);
    }
    ~ProcessorsMachine() { processor_count = 1; }
    ProcessorsMachine(ProcessorsMachine const&) = delete;
    ProcessorsMachine& operator=(ProcessorsMachine const&) = delete;

    Processor& processor(unsigned index) { return *own_[index]; }
    // The calling thread is this processor from here on.
    void become(unsigned index) { machine::set_this_processor(*own_[index]); }

    template <typename Call, typename... Words>
    static std::uint64_t call(Words... words) {
        std::array<std::uint64_t, 6> w{static_cast<std::uint64_t>(words)...};
        return quarry_call_table[Call::index](w[0], w[1], w[2], w[3], w[4], w[5]);
    }

    // When no processor runs anything.
    std::string_view check() { return checker_->check(); }

  private:
    struct Free {
        void operator()(std::byte* memory) const { std::free(memory); }
    };
    std::array<MemoryRegion, 1> regions_;
    std::vector<std::unique_ptr<Processor>> own_;
    std::unique_ptr<std::byte, Free> memory_;
    std::unique_ptr<InvariantChecker> checker_;
};

}  // namespace quarry::test
