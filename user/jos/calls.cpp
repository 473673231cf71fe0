// JOS's calls over Quarry's: 32-bit ids to environments and spaces, permissions, error codes.
#include "abi/view.hpp"
#include "user/rt/call.hpp"

#include <cstddef>
#include <cstdint>

namespace quarry::jos {
namespace {

// inc/error.h and inc/mmu.h, which are C.
constexpr int bad_env = -2;
constexpr int invalid = -3;
constexpr int no_memory = -4;
constexpr int no_free_env = -5;
constexpr int not_receiving = -7;

constexpr std::uint64_t pte_present = 1;
constexpr std::uint64_t pte_write = 2;
constexpr std::uint64_t pte_user = 4;
constexpr std::uint64_t settable = pte_present | pte_write | pte_user | abi::permission::tag_mask;

constexpr std::uint64_t top = abi::jos_user_top;

int code_of(Error error) {
    switch (error) {
        case Error::none:
            return 0;
        case Error::not_found:
        case Error::not_allowed:
        case Error::ended:
            return bad_env;
        case Error::out_of_frames:
        case Error::out_of_account:
            return no_memory;
        case Error::out_of_slots:
            return no_free_env;
        case Error::timed_out:
            return not_receiving;
        default:
            return invalid;
    }
}
template <typename T>
int code_of(Result<T> const& result) {
    return result ? 0 : code_of(result.error());
}

abi::EnvView const& view_of(std::int32_t id) {
    auto const* const views = reinterpret_cast<abi::EnvView const*>(abi::env_views);
    return views[static_cast<std::uint32_t>(id) % abi::env_view_slots];
}

// The environment with JOS's id; 0 is the caller.
Result<abi::EnvId> env_of(std::int32_t id) {
    if (id == 0) {
        return own_env;
    }
    auto const& view = view_of(id);
    if (view.jos_id != id) {
        return Error::not_found;
    }
    return abi::EnvId{view.id};
}
Result<abi::SpaceId> space_of(std::int32_t id) {
    if (id == 0) {
        return own_space;
    }
    auto const& view = view_of(id);
    if (view.jos_id != id) {
        return Error::not_found;
    }
    return abi::SpaceId{view.space};
}

bool is_page(std::uint64_t address) { return address < top && address % abi::page_bytes == 0; }
bool is_permission(int perm) {
    auto const bits = static_cast<std::uint64_t>(perm);
    auto const both = pte_present | pte_user;
    return (bits & both) == both && (bits & ~settable) == 0;
}

// JOS knows no execute permission. What may be written may be executed, by turns: the kernel turns
// the page when it is used as the other.
abi::Permissions writable(std::uint64_t tag) {
    return abi::permission::write | abi::permission::may_execute | abi::Permissions{tag};
}

// Makes a call with JOS's permission: not writable means executable, where that is allowed.
template <typename Call>
Result<void> with_permission(int perm, Call call) {
    auto const bits = static_cast<std::uint64_t>(perm);
    auto const tag = bits & abi::permission::tag_mask;
    if ((bits & pte_write) != 0) {
        return call(writable(tag));
    }
    auto const done = call(abi::permission::execute | abi::Permissions{tag});
    if (!done && done.error() == Error::bad_permission) {
        return call(abi::permission::read | abi::Permissions{tag});
    }
    return done;
}

std::uint64_t own_jos_id() { return static_cast<std::uint64_t>(abi::jos_id_of(*env_self())); }

}  // namespace
}  // namespace quarry::jos

using namespace quarry;
using namespace quarry::jos;

extern "C" {

void sys_cputs(char const* text, std::size_t bytes) {
    while (bytes != 0) {
        auto const done = console_write({text, bytes});
        if (!done) {
            return;
        }
        text += *done;
        bytes -= *done;
    }
}

// With a deadline in the past it does not wait.
int sys_cgetc() {
    unsigned char key = 0;
    auto const count = console_read({&key, 1}, 1);
    return count && *count == 1 ? key : 0;
}

int getchar() {
    for (;;) {
        unsigned char key = 0;
        auto const count = console_read({&key, 1}, 0);
        if (count && *count == 1) {
            return key;
        }
    }
}

std::int32_t sys_getenvid() { return static_cast<std::int32_t>(own_jos_id()); }

int sys_env_destroy(std::int32_t env) {
    auto const target = env_of(env);
    return target ? code_of(env_destroy(*target)) : bad_env;
}

void sys_yield() { (void)yield(); }

int sys_env_set_status(std::int32_t env, int status) {
    auto const target = env_of(env);
    if (!target) {
        return bad_env;
    }
    switch (static_cast<abi::ViewStatus>(status)) {
        case abi::ViewStatus::runnable:
            return code_of(env_start(*target));
        case abi::ViewStatus::not_runnable:
            return code_of(env_stop(*target));
        default:
            return invalid;
    }
}

int sys_env_set_pgfault_upcall(std::int32_t env, void* upcall) {
    auto const target = env_of(env);
    if (!target) {
        return bad_env;
    }
    abi::Upcall const wanted{reinterpret_cast<std::uint64_t>(upcall), top - abi::page_bytes,
                             abi::page_bytes, 0};
    return code_of(env_set_upcall(*target, {&wanted}));
}

int sys_page_alloc(std::int32_t env, void* at, int perm) {
    auto const address = reinterpret_cast<std::uint64_t>(at);
    auto const space = space_of(env);
    if (!space) {
        return bad_env;
    }
    if (!is_page(address) || !is_permission(perm)) {
        return invalid;
    }
    return code_of(with_permission(perm, [&](abi::Permissions permissions) {
        return page_alloc(*space, {address, 1}, permissions);
    }));
}

int sys_page_map(std::int32_t from_env, void* from, std::int32_t to_env, void* to, int perm) {
    auto const source = reinterpret_cast<std::uint64_t>(from);
    auto const target = reinterpret_cast<std::uint64_t>(to);
    auto const from_space = space_of(from_env);
    auto const to_space = space_of(to_env);
    if (!from_space || !to_space) {
        return bad_env;
    }
    if (!is_page(source) || !is_page(target) || !is_permission(perm)) {
        return invalid;
    }
    return code_of(with_permission(perm, [&](abi::Permissions permissions) {
        return page_map(*from_space, {source, 1}, *to_space, {target}, permissions);
    }));
}

int sys_page_unmap(std::int32_t env, void* at) {
    auto const address = reinterpret_cast<std::uint64_t>(at);
    auto const space = space_of(env);
    if (!space) {
        return bad_env;
    }
    return is_page(address) ? code_of(page_unmap(*space, {address, 1})) : invalid;
}

// See inc/lib.h. The caller's other registers are of no use to the child: it saved them.
long jos_exofork_at(std::uint64_t rip, std::uint64_t rsp, std::uint64_t rbp) {
    auto const space = space_create(0, abi::space_option::jos, {"fork", 4});
    if (!space) {
        return code_of(space.error());
    }
    auto env = env_create(*space, {rip}, {rsp}, 0);
    abi::Frame frame{};
    frame.rip = rip;
    frame.rsp = rsp;
    frame.rbp = rbp;
    auto const ready = env ? env_set_frame(*env, {&frame}) : Result<void>{env.error()};
    if (!ready) {
        while (space_destroy_step(*space) == Result<void>{Error::again}) {
        }
        return code_of(ready.error());
    }
    return abi::jos_id_of(*env);
}

// Pages go along if the receiver opened a window for one.
int jos_send(std::int32_t to, std::uint64_t value, void* page, int perm, std::uint64_t deadline) {
    auto const address = reinterpret_cast<std::uint64_t>(page);
    auto const target = env_of(to);
    if (!target) {
        return bad_env;
    }
    abi::IpcOptions options{};
    options.deadline = deadline;
    if (address < top) {
        if (!is_page(address) || !is_permission(perm)) {
            return invalid;
        }
        options.send = {address, 1};
    }
    return code_of(with_permission(perm, [&](abi::Permissions permissions) {
        options.permissions = permissions;
        auto const granted = static_cast<std::uint64_t>(address < top ? perm : 0);
        return ipc_send(*target, value, granted, own_jos_id(), 0, {&options});
    }));
}

// With a deadline in the past: only if the receiver waits now.
int sys_ipc_try_send(std::int32_t to, std::uint64_t value, void* page, int perm) {
    return jos_send(to, value, page, perm, 1);
}

struct JosMessage {
    std::uint64_t value;
    std::int32_t from;
    std::int32_t perm;
};
int jos_receive(void* page, JosMessage* to) {
    auto const address = reinterpret_cast<std::uint64_t>(page);
    abi::IpcOptions options{};
    if (address < top) {
        if (!is_page(address)) {
            return invalid;
        }
        options.window = {address, 1};
    }
    auto const message = ipc_receive({&options});
    if (!message) {
        return code_of(message.error());
    }
    to->value = message->words[0];
    to->from = abi::jos_id_of(message->sender);
    to->perm = message->pages != 0 ? static_cast<std::int32_t>(message->words[1]) : 0;
    return 0;
}

unsigned int sys_time_msec() {
    constexpr std::uint64_t nanoseconds = 1'000'000;
    return static_cast<unsigned int>(*clock_nanoseconds() / nanoseconds);
}

int jos_set_frame(std::int32_t env, abi::Frame const* frame) {
    auto const target = env_of(env);
    return target ? code_of(env_set_frame(*target, {frame})) : bad_env;
}

// Gives a copy-on-write page back its write permission: in place if nobody else has it.
int jos_unshare(std::uint64_t page, std::uint64_t scratch, std::uint64_t tag) {
    auto const mode = abi::ProtectMode{writable(tag), abi::page_option::if_sole};
    if (page_protect(own_space, {page, 1}, mode)) {
        return 0;
    }
    auto const copy = page_alloc(own_space, {scratch, 1}, writable(tag));
    if (!copy) {
        return code_of(copy.error());
    }
    __builtin_memcpy(reinterpret_cast<void*>(scratch), reinterpret_cast<void const*>(page),
                     abi::page_bytes);
    return code_of(page_move(own_space, {scratch, 1}, own_space, {page}, writable(0)));
}

}  // extern "C"
