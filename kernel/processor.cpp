#include "kernel/processor.hpp"

namespace quarry {

constinit std::array<Processor*, max_processors> processors{};
constinit std::atomic<unsigned> processor_count = 0;

std::uint64_t processor_bit() { return this_processor().bit; }
bool is_active_here(Space const& space) { return this_processor().active_space == &space; }

#ifdef QUARRY_CHECK_LOCKS

void SpinLock::check_order() const {
    auto const& processor = this_processor();
    for (std::size_t i = 0; i < processor.held_lock_count; ++i) {
        auto const& held = *processor.held_locks[i];
        bool const in_order = held.rank() < rank_ || (held.rank() == rank_ && &held < this);
        if (!in_order) {
            machine::fail_check("locks are taken out of order");
        }
    }
}

void SpinLock::note_taken() const {
    auto& processor = this_processor();
    processor.held_locks[processor.held_lock_count++] = this;
}

void SpinLock::note_released() const {
    auto& processor = this_processor();
    for (std::size_t i = processor.held_lock_count; i-- > 0;) {
        if (processor.held_locks[i] == this) {
            processor.held_locks[i] = processor.held_locks[--processor.held_lock_count];
            return;
        }
    }
    machine::fail_check("a lock is released that is not held");
}

#endif

}  // namespace quarry
