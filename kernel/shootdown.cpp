#include "kernel/shootdown.hpp"

#include "kernel/processor.hpp"
#include "kernel/space.hpp"
#include "machine/machine.hpp"

#include <bit>

namespace quarry {
namespace {

void forget(PageSpan span) {
    if (span.count > max_single_invalidations) {
        machine::invalidate_all();
        return;
    }
    for (std::size_t i = 0; i < span.count; ++i) {
        machine::invalidate(span.page(i));
    }
}

}  // namespace

void shoot_down(std::uint64_t others, ProcessorSet& active, PageSpan span) {
    auto& self = this_processor();
    auto& request = self.mailbox.request;
    request.active = &active;
    request.span = span;
    request.unanswered.store(static_cast<std::uint32_t>(std::popcount(others)),
                             std::memory_order_relaxed);
    for (auto left = others; left != 0; left &= left - 1) {
        auto const index = static_cast<unsigned>(std::countr_zero(left));
        processors[index]->mailbox.asked_by.fetch_or(std::uint64_t{1} << self.index);
        machine::interrupt_processor(*processors[index]);
    }
    while (request.unanswered.load(std::memory_order_acquire) != 0) {
        machine::spin_pause();
    }
}

void serve_mailbox() {
    auto& self = this_processor();
    if (self.mailbox.asked_by.load(std::memory_order_relaxed) == 0) {
        return;
    }
    for (auto askers = self.mailbox.asked_by.exchange(0); askers != 0; askers &= askers - 1) {
        auto& request =
            processors[static_cast<unsigned>(std::countr_zero(askers))]->mailbox.request;
        if (self.active_space != nullptr && request.active == &self.active_space->active) {
            forget(request.span);
        } else {
            if (self.other_space != nullptr && request.active == &self.other_space->active) {
                self.other_space = nullptr;
                self.yielder.not_at_hand();
            }
            request.active->leave(self.bit);
        }
        request.unanswered.fetch_sub(1, std::memory_order_release);
    }
}

}  // namespace quarry
