#include "user/linux/limits.hpp"

#include "user/linux/calls.hpp"
#include "user/linux/memory.hpp"
#include "user/linux/server.hpp"
#include "user/linux/uapi.hpp"

namespace quarry::libos {
namespace {

// As a first process has them. The server knows RLIMIT_NOFILE too.
constinit std::array<Limit, RLIM_NLIMITS> limits = [] {
    std::array<Limit, RLIM_NLIMITS> all{};
    all.fill({unlimited, unlimited});
    all[RLIMIT_STACK] = {stack_bytes, unlimited};
    all[RLIMIT_NOFILE] = {protocol::usual_descriptors, protocol::most_descriptors};
    all[RLIMIT_NPROC] = {max_threads, max_threads};
    all[RLIMIT_CORE] = {0, 0};
    return all;
}();

std::int64_t set_limit(std::uint64_t resource, Limit next) {
    auto const& now = limits[resource];
    if (next.soft > next.hard) {
        return -EINVAL;
    }
    // What the system itself is limited to nobody raises.
    bool const fixed = resource == RLIMIT_NOFILE || resource == RLIMIT_NPROC;
    if (fixed && next.hard > now.hard) {
        return -EPERM;
    }
    if (resource == RLIMIT_NOFILE) {
        (void)ask(protocol::Operation::limit_descriptors, next.soft);
    }
    limits[resource] = next;
    return 0;
}

// Any of the two may be null.
std::int64_t exchange_limit(std::uint64_t resource, std::uint64_t next_at, std::uint64_t old_at) {
    if (resource >= RLIM_NLIMITS) {
        return -EINVAL;
    }
    Limit next{};
    if (next_at != 0 && !copy_in(next, next_at)) {
        return -EFAULT;
    }
    auto const old = limits[resource];
    if (old_at != 0 && !copy_out(old_at, old)) {
        return -EFAULT;
    }
    return next_at == 0 ? 0 : set_limit(resource, next);
}

}  // namespace

Limit limit_of(std::uint64_t resource) { return limits[resource]; }

bool within_memory_limits(std::uint64_t bytes, bool is_own) {
    auto const all = limits[RLIMIT_AS].soft;
    auto const own = is_own ? limits[RLIMIT_DATA].soft : unlimited;
    if (all == unlimited && own == unlimited) [[likely]] {
        return true;
    }
    std::uint64_t mapped = bytes;
    std::uint64_t data = bytes;
    for (auto const& mapping : memory.mappings.all()) {
        bool const counts = mapping.kind != MappingKind::shared &&
                            (mapping.protection & PROT_WRITE) != 0 && !mapping.is_stack;
        mapped += mapping.bytes();
        data += counts ? mapping.bytes() : 0;
    }
    return mapped <= all && data <= own;
}

namespace calls {

std::int64_t prlimit64(Registers& r) {
    if (r.rdi != 0 && r.rdi != process.id) {
        return -ESRCH;  // others keep theirs to themselves
    }
    return exchange_limit(r.rsi, r.rdx, r.r10);
}
std::int64_t getrlimit(Registers& r) {
    return r.rsi == 0 ? -EFAULT : exchange_limit(r.rdi, 0, r.rsi);
}
std::int64_t setrlimit(Registers& r) {
    return r.rsi == 0 ? -EFAULT : exchange_limit(r.rdi, r.rsi, 0);
}

}  // namespace calls
}  // namespace quarry::libos
