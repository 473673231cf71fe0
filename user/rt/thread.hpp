// Threads: environments of the program's own space, each with a stack and an FS base of its own.
#pragma once

#include "user/rt/call.hpp"

#include <cstdint>

namespace quarry {

class Thread {
  public:
    using Function = void (*)(std::uint64_t argument);

    // Runs function(argument) at once, on a new stack with a guard page below, with thread_local
    // objects and an upcall stack of its own. The thread ends when the function returns. What the
    // calls return; bad_argument if there are more thread_local objects than room.
    static Result<Thread> start(Function function, std::uint64_t argument = 0);

    Thread(Thread&& other) noexcept
        : env_(other.env_), stack_(other.stack_), started_(other.started_) {
        other.env_ = {};
    }
    Thread& operator=(Thread&&) = delete;
    ~Thread() { join(); }

    abi::EnvId env() const { return env_; }
    // Waits for its end and gives its stack and record back. Returns how it ended. In the child of a
    // fork, which has only the thread that forked, at once.
    abi::EnvStatus join();
    // Ends it wherever it is, without destroying its thread_local objects, then as join().
    abi::EnvStatus cancel();

  private:
    Thread(abi::EnvId env, std::uint64_t stack) : env_(env), stack_(stack) {}
    abi::EnvId env_;
    std::uint64_t stack_;  // lowest address of its region
    bool started_ = false;
};

}  // namespace quarry
