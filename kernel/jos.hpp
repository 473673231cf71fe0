// What JOS's kernel says about environments, in its words: its programs' graders look for them. Only
// for environments of JOS spaces.
#pragma once

#include "kernel/kernel.hpp"

namespace quarry::jos {

// `by` is who did it; null for the kernel itself.
void report_new(Environment const* by, Environment const& environment);
void report_exit(Environment const& environment);
void report_destroy(Environment const& by, Environment const& environment);
void report_free(Environment const* by, Environment const& environment);
void report_fault(Environment const& environment, Fault const& fault);
// Memory that the environment named and may not use.
void report_bad_memory(Environment const& environment, std::uint64_t address);

// The first address of the buffer that the program cannot read; looks at no more than 512 pages.
std::optional<std::uint64_t> first_unreadable(Space& space, std::uint64_t address,
                                              std::uint64_t bytes);
// JOS's permissions have no execute bit, so a page changes between writable and executable when it
// is used as the other, if it may be both. True: the instruction can go on.
bool turn_page(Space& space, std::uint64_t address, std::uint64_t error);

// A fault of a JOS environment. False: it ends.
bool take_fault(Environment& environment, Fault const& fault);
// Ends the caller, whose buffer for a console write cannot be read.
void end_for_bad_buffer(Environment& caller, std::uint64_t address, std::uint64_t bytes);

}  // namespace quarry::jos
