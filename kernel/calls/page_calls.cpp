// The page calls: the references hold the locks of the spaces; kernel/page_ops does the work.
#include "kernel/handlers.hpp"

namespace quarry {
namespace {

// Mappings of a space that has ended would outlive its tear-down.
Result<void> accepts_mappings(Space const& space) {
    if (space.ended) {
        return Error::ended;
    }
    return {};
}

}  // namespace

Result<void> handle(Tag<abi::PageAlloc>, Caller&, PagesRef space, PageSpan span, PageMode mode) {
    TRY(accepts_mappings(space.space()));
    return page_alloc(space.mapped(), span, mode.perms, mode.size, mode.if_absent);
}

Result<void> handle(Tag<abi::PageMap>, Caller& caller, PagesRef from, PageSpan source, PagesRef to,
                    UserPage at, PageMode mode) {
    TRY(accepts_mappings(to.space()));
    TRY(to.span(at.start().raw(), source.count));
    if (mode.lend == Lend::yes && &to.space() == &caller.space) {
        return Error::bad_argument;
    }
    return page_map(from.mapped(), source, to.mapped(), at, mode.perms, mode.if_absent, mode.lend);
}

Result<void> handle(Tag<abi::PageMove>, Caller&, PagesRef from, PageSpan source, PagesRef to,
                    UserPage at, PageMode mode) {
    TRY(accepts_mappings(to.space()));
    TRY(to.span(at.start().raw(), source.count));
    return page_move(from.mapped(), source, to.mapped(), at, mode.perms, mode.if_absent);
}

Result<void> handle(Tag<abi::PageProtect>, Caller&, PagesRef space, PageSpan span, PageMode mode) {
    return page_protect(space.mapped(), span, mode.perms, mode.if_sole);
}

Result<void> handle(Tag<abi::PageUnmap>, Caller&, PagesRef space, PageSpan span) {
    return page_unmap(space.mapped(), span);
}

Result<void> handle(Tag<abi::PageShare>, Caller&, PagesRef from, PageSpan source, PagesRef to,
                    UserPage at, ShareRule rule) {
    TRY(accepts_mappings(to.space()));
    TRY(to.span(at.start().raw(), source.count));
    return page_share(from.mapped(), source, to.mapped(), at, rule);
}

Result<void> handle(Tag<abi::PageSplit>, Caller&, PagesRef space, UserPage at) {
    TRY(accepts_mappings(space.space()));
    return page_split(space.mapped(), at);
}

}  // namespace quarry
