// The page calls: each takes the locks of the spaces it touches and hands on to kernel/page_ops.
#include "kernel/handlers.hpp"

#include <functional>

namespace quarry {
namespace {

// Locks two spaces in address order; one that is both, once.
class PairGuard {
  public:
    PairGuard(Space& a, Space& b)
        : first_(std::less<>{}(&a, &b) ? a.lock : b.lock),
          second_(&a == &b ? nullptr : (std::less<>{}(&a, &b) ? &b.lock : &a.lock)) {
        lock();
    }
    ~PairGuard() { unlock(); }
    PairGuard(PairGuard const&) = delete;
    PairGuard& operator=(PairGuard const&) = delete;

  private:
    // The analysis cannot follow a lock that is sometimes the same as another.
    void lock() __attribute__((no_thread_safety_analysis)) {
        first_.lock();
        if (second_ != nullptr) {
            second_->lock();
        }
    }
    void unlock() __attribute__((no_thread_safety_analysis)) {
        if (second_ != nullptr) {
            second_->unlock();
        }
        first_.unlock();
    }
    SpinLock& first_;
    SpinLock* second_;
};

// Mappings of a space that has ended would outlive its tear-down.
Result<void> accepts_mappings(Space const& space) {
    if (space.ended) {
        return Error::ended;
    }
    return {};
}

}  // namespace

Result<void> handle(Tag<abi::PageAlloc>, Caller&, SpaceRef space, PageSpan span, PageMode mode) {
    TRY(accepts_mappings(space.space()));
    LockGuard const guard(space.space().lock);
    return page_alloc(space.mapped(), span, mode.perms, mode.size, mode.if_absent);
}

Result<void> handle(Tag<abi::PageMap>, Caller&, SpaceRef from, PageSpan source, SpaceRef to,
                    UserPage at, PageMode mode) {
    TRY(accepts_mappings(to.space()));
    TRY(parse_page_span(at.start().raw(), source.count, to.space().user_top()));
    PairGuard const guard(from.space(), to.space());
    return page_map(from.mapped(), source, to.mapped(), at, mode.perms, mode.if_absent);
}

Result<void> handle(Tag<abi::PageMove>, Caller&, SpaceRef from, PageSpan source, SpaceRef to,
                    UserPage at, PageMode mode) {
    TRY(accepts_mappings(to.space()));
    TRY(parse_page_span(at.start().raw(), source.count, to.space().user_top()));
    PairGuard const guard(from.space(), to.space());
    return page_move(from.mapped(), source, to.mapped(), at, mode.perms, mode.if_absent);
}

Result<void> handle(Tag<abi::PageProtect>, Caller&, SpaceRef space, PageSpan span, PageMode mode) {
    LockGuard const guard(space.space().lock);
    return page_protect(space.mapped(), span, mode.perms, mode.if_sole);
}

Result<void> handle(Tag<abi::PageUnmap>, Caller&, SpaceRef space, PageSpan span) {
    LockGuard const guard(space.space().lock);
    return page_unmap(space.mapped(), span);
}

Result<void> handle(Tag<abi::PageSplit>, Caller&, SpaceRef space, UserPage at) {
    TRY(accepts_mappings(space.space()));
    LockGuard const guard(space.space().lock);
    return page_split(space.mapped(), at);
}

}  // namespace quarry
