// The process as a whole: its beginning, its program, its copies.
#pragma once

#include "user/linux/server.hpp"
#include "user/linux/thread.hpp"

#include <cstdint>
#include <string_view>

namespace quarry::libos {

// Strings one behind the other, each ended by NUL, in memory that exec does not touch.
struct ExecStrings {
    char* text = nullptr;  // path, arguments, environment
    std::uint64_t path_bytes = 0;
    std::uint64_t arguments = 0;
    std::uint64_t argument_bytes = 0;
    std::uint64_t variables = 0;
    std::uint64_t variable_bytes = 0;
};

// Replaces the program; `registers` are then its first. Errors, negated, only while the old one is
// still whole; later ones end the process.
std::int64_t execute(ExecStrings const& strings, Registers& registers);

// A child: its id, or an error, negated.
std::int64_t fork_process(Registers const& registers, std::uint64_t child_stack,
                          std::uint64_t flags, std::uint64_t child_tid_address,
                          std::uint64_t parent_tid_address, std::uint64_t thread_pointer);

// A new thread of this process that goes on with these registers.
std::int64_t start_thread(Registers const& registers, std::uint64_t stack,
                          std::uint64_t thread_pointer, std::uint64_t clear_on_exit,
                          std::uint64_t child_tid_address, std::uint64_t parent_tid_address);

// The calling thread ends; the last one ends the process.
[[noreturn]] void end_thread(int status);

// In a forked child: nobody holds what a thread of the parent's may have held.
void reset_locks();

// Every thread but the caller's ends.
void end_other_threads();

}  // namespace quarry::libos
