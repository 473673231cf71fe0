#include "servers/linux/locks.hpp"

#include "servers/linux/request.hpp"

#include <algorithm>

namespace quarry::server {
namespace {

// Of an open file's own locks, beside the numbers of processes.
std::uint64_t owner_of(OpenFile const& file) {
    return reinterpret_cast<std::uint64_t>(&file) | std::uint64_t{1} << 63;
}

}  // namespace

FileLock const* FileLocks::conflict(FileLock const& wanted) const {
    auto const found = std::ranges::find_if(locks_, [&](FileLock const& each) {
        return each.owner != wanted.owner && each.overlaps(wanted) &&
               (each.exclusive || wanted.exclusive);
    });
    return found == locks_.end() ? nullptr : &*found;
}

void FileLocks::clear(FileLock const& range) {
    if (locks_.empty()) {
        return;
    }
    std::vector<FileLock> kept;
    for (auto const& each : locks_) {
        if (each.owner != range.owner || !each.overlaps(range)) {
            kept.push_back(each);
            continue;
        }
        if (each.begin < range.begin) {
            kept.push_back({each.owner, each.exclusive, each.begin, range.begin});
        }
        if (range.end < each.end) {
            kept.push_back({each.owner, each.exclusive, range.end, each.end});
        }
    }
    locks_ = std::move(kept);
    waiters.wake_all();
}

void FileLocks::set(FileLock const& lock) {
    clear(lock);
    locks_.push_back(lock);
}

void release_locks(OpenFile const& file) {
    if (auto* const node = file.node()) {
        FileLock const all{owner_of(file), true, 0, FileLocks::whole};
        node->file_locks.clear(all);
        node->record_locks.clear(all);
    }
}

namespace {

struct Description {  // Linux's struct flock
    std::int16_t type;
    std::int16_t whence;
    std::int32_t pad;
    std::int64_t start;
    std::int64_t length;
    std::int32_t process;
    std::int32_t pad2;
};

// The bytes that a description means; nothing if it means none.
std::optional<FileLock> range_of(OpenFile& file, Description const& wanted, std::uint64_t owner) {
    std::int64_t const base = wanted.whence == SEEK_SET   ? 0
                              : wanted.whence == SEEK_CUR ? file.seek(0, SEEK_CUR)
                              : wanted.whence == SEEK_END
                                  ? static_cast<std::int64_t>(file.node()->content.size())
                                  : -1;
    std::int64_t begin = 0;
    std::int64_t end = 0;
    if (base < 0 || __builtin_add_overflow(base, wanted.start, &begin) ||
        __builtin_add_overflow(begin, wanted.length, &end)) {
        return std::nullopt;
    }
    if (wanted.length < 0) {
        std::swap(begin, end);
    }
    if (begin < 0) {
        return std::nullopt;
    }
    return FileLock{owner, wanted.type == F_WRLCK, static_cast<std::uint64_t>(begin),
                    wanted.length == 0 ? FileLocks::whole : static_cast<std::uint64_t>(end)};
}

std::int64_t describe_conflict(Request& request, FileLocks const& locks, FileLock const& wanted,
                               Description described) {
    auto const* const found = locks.conflict(wanted);
    described.type = F_UNLCK;
    if (found != nullptr) {
        bool const of_process = found->owner >> 63 == 0;
        described.type = found->exclusive ? std::int16_t{F_WRLCK} : std::int16_t{F_RDLCK};
        described.whence = SEEK_SET;
        described.start = static_cast<std::int64_t>(found->begin);
        described.length = found->end == FileLocks::whole
                               ? 0
                               : static_cast<std::int64_t>(found->end - found->begin);
        described.process = of_process ? static_cast<std::int32_t>(found->owner) : -1;
    }
    return request.out(0, described) ? 0 : -EFAULT;
}

// Takes it, or waits for those that exclude it.
std::int64_t take(Request& request, FileLocks& locks, FileLock const& wanted, bool waits) {
    if (locks.conflict(wanted) == nullptr) {
        locks.set(wanted);
        return 0;
    }
    if (!waits) {
        return -EAGAIN;
    }
    wait_for(locks.waiters, request.thread);
    return would_block;
}

}  // namespace

std::int64_t lock_record(Request& request, OpenFile& file, std::uint64_t command) {
    auto const given = request.in<Description>(0);
    auto* const node = file.node();
    if (!given || node == nullptr) {
        return -EINVAL;
    }
    bool const of_file = command >= F_OFD_GETLK;
    auto const wanted = range_of(file, *given, of_file ? owner_of(file) : request.process.id);
    if (!wanted || (of_file && given->process != 0)) {
        return -EINVAL;
    }
    auto& locks = node->record_locks;
    if (command == F_GETLK || command == F_OFD_GETLK) {
        return describe_conflict(request, locks, *wanted, *given);
    }
    switch (given->type) {
        case F_UNLCK:
            locks.clear(*wanted);
            return 0;
        case F_RDLCK:
        case F_WRLCK:
            if (!(given->type == F_RDLCK ? file.may_read() : file.may_write())) {
                return -EBADF;
            }
            return take(request, locks, *wanted, command == F_SETLKW || command == F_OFD_SETLKW);
        default:
            return -EINVAL;
    }
}

std::int64_t lock_file(Request& request, OpenFile& file, std::uint64_t operation) {
    auto* const node = file.node();
    bool const at_once = (operation & LOCK_NB) != 0;
    operation &= ~std::uint64_t{LOCK_NB};
    if (operation != LOCK_SH && operation != LOCK_EX && operation != LOCK_UN) {
        return -EINVAL;
    }
    if (node == nullptr) {
        return 0;  // nobody else has it
    }
    FileLock const wanted{owner_of(file), operation == LOCK_EX, 0, FileLocks::whole};
    if (operation == LOCK_UN) {
        node->file_locks.clear(wanted);
        return 0;
    }
    return take(request, node->file_locks, wanted, !at_once);
}

}  // namespace quarry::server
