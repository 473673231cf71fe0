// fork, exec and exit as the program asks for them.
#include "user/linux/calls.hpp"
#include "user/linux/memory.hpp"
#include "user/linux/process.hpp"
#include "user/linux/server.hpp"
#include "user/linux/uapi.hpp"

#include <mutex>

namespace quarry::libos {
namespace {

// Collects exec's strings in pages that stay while the program's memory goes.
class Staging {
  public:
    bool prepare() {
        abi::AllocMode const mode{abi::permission::write, abi::page_option::if_absent};
        auto const done = page_alloc(own_space, {staging_base, staging_pages}, mode);
        return done || done.error() == Error::already_mapped;
    }
    // A string of the program's; its length with the NUL, or an error.
    std::int64_t add(std::uint64_t from) {
        auto const room = staging_pages * page_bytes - used_;
        auto const length = copy_in_string(text() + used_, from, room);
        if (length < 0) {
            return length == -ENAMETOOLONG ? -E2BIG : length;
        }
        used_ += static_cast<std::uint64_t>(length) + 1;
        return length + 1;
    }
    // A list of pointers that ends with null.
    std::int64_t add_list(std::uint64_t list, std::uint64_t& count, std::uint64_t& bytes) {
        if (list == 0) {
            return 0;
        }
        for (;; ++count) {
            std::uint64_t pointer = 0;
            if (!copy_in(pointer, list + count * sizeof(pointer))) {
                return -EFAULT;
            }
            if (pointer == 0) {
                return 0;
            }
            auto const added = add(pointer);
            if (added < 0) {
                return added;
            }
            bytes += static_cast<std::uint64_t>(added);
        }
    }
    static char* text() { return reinterpret_cast<char*>(staging_base); }

  private:
    std::uint64_t used_ = 0;
};

constinit Mutex exec_lock;

}  // namespace

namespace calls {

std::int64_t fork(Registers& r) { return fork_process(r, 0, SIGCHLD, 0, 0, 0); }

std::int64_t vfork(Registers& r) {
    return fork_process(r, 0, CLONE_VM | CLONE_VFORK | SIGCHLD, 0, 0, 0);
}

std::int64_t execve(Registers& r) {
    std::lock_guard const guard{exec_lock};
    Staging staging;
    if (!staging.prepare()) {
        return -ENOMEM;
    }
    ExecStrings strings{.text = Staging::text()};
    auto const path = staging.add(r.rdi);
    if (path < 0) {
        return path;
    }
    strings.path_bytes = static_cast<std::uint64_t>(path);
    auto added = staging.add_list(r.rsi, strings.arguments, strings.argument_bytes);
    if (added == 0) {
        added = staging.add_list(r.rdx, strings.variables, strings.variable_bytes);
    }
    if (added < 0) {
        return added;
    }
    // Its registers are what rt_sigreturn's are: as they come to be, RAX among them.
    auto const done = execute(strings, r);
    return done < 0 ? done : static_cast<std::int64_t>(r.rax);
}

std::int64_t exit_group(Registers& r) {
    (void)ask(protocol::Operation::exit_group, (r.rdi & 0xff) << 8);
    for (;;) {
        (void)env_exit(r.rdi & 0xff);
    }
}

}  // namespace calls
}  // namespace quarry::libos
