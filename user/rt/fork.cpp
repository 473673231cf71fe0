#include "user/rt/fork.hpp"

#include "abi/view.hpp"
#include "user/rt/fault.hpp"
#include "user/rt/malloc.hpp"
#include "user/rt/program.hpp"
#include "user/rt/walk.hpp"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <mutex>

// Fills the frame with what the caller must find again and returns 0; what runs later from that frame
// returns 1 from here (fork.S).
extern "C" [[gnu::returns_twice]] int quarry_fork_point(quarry::abi::Frame* frame);
extern "C" void quarry_cow_entry();

namespace quarry {
namespace {

bool is_in_main_upcalls(std::uint64_t address) {
    return address - abi::main_upcall_stack < abi::upcall_stack_stride;
}
bool is_in_thread_upcalls(std::uint64_t address) {
    return address >= abi::upcall_stacks_base && address < abi::upcall_stacks_end;
}
bool is_upcall_memory(std::uint64_t address) {
    return is_in_main_upcalls(address) || is_in_thread_upcalls(address);
}

constinit Mutex fork_mutex;

// 1 while a thread forks. Other threads that write meanwhile wait in quarry_copy_page until it is 0
// again; they only read it. The child's copy is 1 too at first, but names another space.
constinit std::atomic<std::uint32_t> forking = 0;
constinit abi::EnvId forker{};
constinit abi::SpaceId forking_space{};

class ForkInProgress {
  public:
    ForkInProgress() {
        forker = *env_self();
        forking_space = *space_self();
        forking = 1;
    }
    ~ForkInProgress() {
        forking = 0;
        (void)word_wake({address()}, ~std::uint64_t{0},
                        static_cast<std::uint64_t>(abi::WordScope::own_space));
    }
    ForkInProgress(ForkInProgress const&) = delete;
    ForkInProgress& operator=(ForkInProgress const&) = delete;

    static void wait_unless_own() {
        while (forking == 1 && forker != *env_self() && forking_space == *space_self()) {
            (void)word_wait({address()}, 1, static_cast<std::uint64_t>(abi::WordScope::own_space),
                            0);
        }
    }

  private:
    static std::uint32_t const* address() {
        return reinterpret_cast<std::uint32_t const*>(&forking);
    }
};

// While it exists no other thread forks or is within the heap, and what was held by hold_others waits.
struct OthersHeld {
    std::lock_guard<Mutex> one_at_a_time{fork_mutex};
    SharedHeap::Guard heap{program_heap};
    ForkInProgress in_progress;
};

bool parts(walk::Run const& run) {
    auto const bits = run.permissions().bits;
    return (bits & abi::permission::may_write.bits) != 0 && (bits & shared_page.bits) == 0;
}

// What is parted keeps these, at both places: the right to write goes until the next write.
constexpr auto kept = abi::permission::execute | abi::permission::may_execute;
constexpr abi::ShareMode parting{kept, copy_on_write, shared_page};

// From here on no other thread writes to what the child is to have: the copy is of one moment.
Result<void> hold_others() {
    walk::Runs runs{abi::self_map_user_top};
    while (auto const run = runs.next()) {
        if (is_upcall_memory(run->address) || run->is_lent() || !parts(*run)) {
            continue;
        }
        auto const stays = kept.bits | abi::permission::tag_mask;
        auto const parted = copy_on_write | abi::Permissions{run->permissions().bits & stays};
        for (std::uint64_t done = 0; done < run->pages; done += abi::max_range_pages) {
            auto const count = std::min<std::uint64_t>(run->pages - done, abi::max_range_pages);
            TRY(page_protect(own_space, {run->address + done * abi::page_bytes, count}, parted));
        }
    }
    return {};
}

// Gives the child what a 2 MiB region has, but for upcall stacks.
Result<void> share(abi::SpaceId child, std::uint64_t region) {
    auto const end = region + abi::huge_bytes;
    static_assert(abi::main_upcall_stack % abi::huge_bytes == 0);
    auto const begin =
        region == abi::main_upcall_stack ? region + abi::upcall_stack_stride : region;
    return page_share(own_space, {begin, (end - begin) >> abi::page_shift}, child, {begin},
                      parting);
}

// Threads that write to one page at once make one copy between them: the second would replace the
// first one's, and what was written there since. Held in a page that no fork shares, by id: a thread
// that is cancelled in the middle of it holds it no longer.
class CopyGuard {
  public:
    CopyGuard() {
        if (!program_heap.is_shared()) {
            return;
        }
        is_held_ = true;
        auto const self = env_self()->value;
        for (std::uint64_t holder = 0; !word().compare_exchange_strong(holder, self);) {
            if (has_ended(holder)) {
                (void)word().compare_exchange_strong(holder, 0);
            } else {
                (void)yield();
            }
            holder = 0;
        }
    }
    ~CopyGuard() {
        if (is_held_) {
            word().store(0, std::memory_order_release);
        }
    }
    CopyGuard(CopyGuard const&) = delete;
    CopyGuard& operator=(CopyGuard const&) = delete;

  private:
    static bool has_ended(std::uint64_t env) {
        abi::EnvStatus status{};
        return !env_status({env}, {&status}) || status.state == abi::EnvState::ended;
    }
    static std::atomic<std::uint64_t>& word() {
        return *reinterpret_cast<std::atomic<std::uint64_t>*>(copy_lock_page);
    }
    bool is_held_ = false;
};

// An upcall stack for the child, and the entry that copies its pages.
Result<void> prepare_child(abi::SpaceId space, abi::EnvId env) {
    auto const stack = own_upcall_stack(env);
    TRY(page_alloc(space, stack, abi::permission::write));
    abi::Upcall const upcall{reinterpret_cast<std::uint64_t>(&quarry_cow_entry), stack.address,
                             stack.pages * abi::page_bytes, 0};
    TRY(env_set_upcall(env, {&upcall}));
    return program_heap.is_shared() ? page_alloc(space, {copy_lock_page, 1}, abi::permission::write)
                                    : Result<void>{};
}

// What the kernel counts of the frame that an entry names.
abi::PageView view_of(walk::Entry entry) {
    auto const frame = (entry & walk::address_mask) >> abi::page_shift;
    return reinterpret_cast<abi::PageView const*>(abi::page_views)[frame];
}

// The parent takes faults by the same entry from now on.
Result<void> prepare_self() {
    auto const stack = own_upcall_stack(*env_self());
    if (!walk::is_mapped(stack.address)) {
        TRY(page_alloc(own_space, stack, abi::permission::write));
    }
    abi::Upcall const upcall{reinterpret_cast<std::uint64_t>(&quarry_cow_entry), stack.address,
                             stack.pages * abi::page_bytes, 0};
    TRY(env_set_upcall(own_env, {&upcall}));
    return {};
}

Result<void> fill(abi::SpaceId space, abi::EnvId env, abi::Frame const& frame) {
    TRY(env_set_frame(env, {&frame}));
    walk::Regions regions{abi::self_map_user_top};
    while (auto const region = regions.next()) {
        if (!is_in_thread_upcalls(*region)) {
            TRY(share(space, *region));
        }
    }
    TRY(prepare_child(space, env));
    return env_start(env);
}

}  // namespace

Result<std::optional<Child>> fork() {
    abi::Frame frame;
    if (is_upcall_memory(reinterpret_cast<std::uint64_t>(&frame))) {
        return Error::bad_argument;
    }
    // Let go in parent and child both. A program with one thread needs none of it, and so writes to
    // fewer pages.
    std::optional<OthersHeld> others;
    if (program_heap.is_shared()) {
        others.emplace();
    }
    if (quarry_fork_point(&frame) != 0) {
        return std::optional<Child>{};
    }
    TRY(prepare_self());
    if (others) {
        TRY(hold_others());
    }
    auto const space = TRY(space_create(0, rt::space_options, {"fork", 4}));
    Child child{space, {}};  // destroys the space if anything below fails
    child.env_ = TRY(env_create(space, {frame.rip}, {frame.rsp}, 0));
    TRY(fill(space, child.env_, frame));
    return std::optional<Child>{std::move(child)};
}

}  // namespace quarry

// A write to a page that is to be copied: it is the program's own afterwards. False: some other fault.
extern "C" bool quarry_copy_page(quarry::abi::UpcallFrame const* frame) {
    using namespace quarry;
    constexpr auto own = abi::permission::write;
    auto const page = frame->address & ~std::uint64_t{abi::page_bytes - 1};
    if (page >= abi::self_map_user_top) {
        return false;
    }
    ForkInProgress::wait_unless_own();
    CopyGuard const guard;
    auto const entry = walk::entry_of(page);
    if ((entry & walk::writable) != 0) {
        return true;  // another thread's fault was for the same page
    }
    if ((entry & copy_on_write.bits) == 0) {
        return false;
    }
    auto const extra =
        abi::Permissions{(entry & abi::permission::tag_mask & ~copy_on_write.bits) |
                         (walk::permissions_of(entry).bits & abi::permission::may_execute.bits)};
    bool const huge = walk::is_huge(page);
    auto const size = huge ? abi::huge_bytes : abi::page_bytes;
    abi::PageRange const there{page & ~(size - 1), size / abi::page_bytes};
    // The kernel has the last word; the count spares a call that would be refused.
    bool const may_be_sole = abi::references(view_of(entry)) == 1;
    if (may_be_sole && page_protect(own_space, there, {own | extra, abi::page_option::if_sole})) {
        return true;
    }
    // A place for the copy that no other environment of this space uses: beside the upcall stack.
    auto const scratch =
        (reinterpret_cast<std::uint64_t>(frame) & ~(abi::upcall_stack_stride - 1)) +
        abi::upcall_stack_stride - abi::page_bytes;
    auto const copy =
        huge ? abi::PageRange{abi::scratch_base, there.pages} : abi::PageRange{scratch, 1};
    auto const options = huge ? abi::page_option::huge : abi::page_option::none;
    if (!page_alloc(own_space, copy, {own | extra, options})) {
        return false;
    }
    std::memcpy(reinterpret_cast<void*>(copy.address), reinterpret_cast<void const*>(there.address),
                size);
    return page_move(own_space, copy, own_space, {there.address}, own | extra).has_value();
}
