// TLB shootdown: the other processors that may hold translations of a space forget some of them
// before the caller goes on. DESIGN.md, "Several processors".
#pragma once

#include "kernel/page_span.hpp"
#include "kernel/processor_set.hpp"

#include <atomic>
#include <cstdint>

namespace quarry {

// One processor's part: who asks it, and what it asks of others.
struct Mailbox {
    std::atomic<std::uint64_t> asked_by = 0;  // processors whose `request` waits for this one

    struct Request {
        ProcessorSet* active = nullptr;  // of the space
        PageSpan span;
        std::atomic<std::uint32_t> unanswered = 0;
    };
    Request request;
};

// Spans longer than this are forgotten by dropping all translations.
inline constexpr std::size_t max_single_invalidations = 32;

// Makes the processors `others` of those that have a space `active` forget the span; returns when they
// have. Those that do not use it now leave the set. Serves the caller's own mailbox meanwhile, so two
// can ask each other.
void shoot_down(std::uint64_t others, ProcessorSet& active, PageSpan span);

// Answers what others ask of this processor. Called by the interrupt and by every spin.
void serve_mailbox();

}  // namespace quarry
