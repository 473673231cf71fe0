#include "servers/linux/files.hpp"

#include "servers/linux/proc.hpp"
#include "servers/linux/process.hpp"
#include "user/rt/random.hpp"

#include <algorithm>
#include <cstring>

namespace quarry::server {
namespace {

constexpr std::uint64_t most_bytes = std::uint64_t{1} << 46;

// A new position, or an error.
std::int64_t sought(std::uint64_t position, std::uint64_t size, std::int64_t offset,
                    std::uint64_t whence) {
    std::int64_t base = 0;
    switch (whence) {
        case SEEK_SET:
            break;
        case SEEK_CUR:
            base = static_cast<std::int64_t>(position);
            break;
        case SEEK_END:
            base = static_cast<std::int64_t>(size);
            break;
        case SEEK_DATA:
            return offset < 0 || static_cast<std::uint64_t>(offset) >= size ? -ENXIO : offset;
        case SEEK_HOLE:
            return offset < 0 || static_cast<std::uint64_t>(offset) >= size
                       ? -ENXIO
                       : static_cast<std::int64_t>(size);
        default:
            return -EINVAL;
    }
    std::int64_t sum = 0;
    if (__builtin_add_overflow(base, offset, &sum) || sum < 0) {
        return -EINVAL;
    }
    return sum;
}

}  // namespace

void OpenFile::fill(struct stat& to) const {
    to = {};
    to.st_mode = 0600;
    to.st_nlink = 1;
    to.st_blksize = abi::page_bytes;
}

std::int64_t OpenFile::wait_in(Waiters& waiters, Asker asker) const {
    if (is_nonblocking()) {
        return -EAGAIN;
    }
    wait_for(waiters, asker.thread);
    return would_block;
}

std::int64_t RegularFile::read(Asker, std::span<std::byte> to, std::optional<std::uint64_t> at) {
    auto const count = node_->content.read(at.value_or(offset_), to);
    if (!at) {
        offset_ += count;
    }
    return static_cast<std::int64_t>(count);  // reading leaves no trace, as with `noatime`
}

std::int64_t RegularFile::write(Asker, std::span<std::byte const> from,
                                std::optional<std::uint64_t> at) {
    // O_APPEND goes before an offset, against POSIX, as pwrite(2) confesses.
    bool const appends = (status_flags & O_APPEND) != 0;
    auto const offset = appends ? node_->content.size() : at.value_or(offset_);
    if (offset > most_bytes) {
        return -EFBIG;
    }
    if (!from.empty() && !node_->content.write(offset, from)) {
        return -ENOSPC;
    }
    if (!at) {
        offset_ = offset + from.size();
    }
    node_->touch();
    return static_cast<std::int64_t>(from.size());
}

std::int64_t RegularFile::seek(std::int64_t offset, std::uint64_t whence) {
    auto const position = sought(offset_, node_->content.size(), offset, whence);
    if (position >= 0) {
        offset_ = static_cast<std::uint64_t>(position);
    }
    return position;
}

std::int64_t RegularFile::truncate(std::uint64_t bytes) {
    if (bytes > most_bytes) {
        return -EFBIG;
    }
    node_->touch();
    return node_->content.resize(bytes) ? 0 : -ENOSPC;
}

std::uint8_t entry_type(Node const& node) {
    constexpr std::uint32_t shift = 12;  // DT_* are S_IF* shifted
    return static_cast<std::uint8_t>((node.mode() & S_IFMT) >> shift);
}

void DirectoryFile::collect() {
    collected_ = true;
    entries_.clear();
    entries_.push_back({".", node_->number, 4});
    entries_.push_back({"..", node_->parent != nullptr ? node_->parent->number : node_->number, 4});
    for (auto const& [name, child] : node_->entries) {
        entries_.push_back({name, child->number, entry_type(*child)});
    }
    list_proc(*node_, [&](std::string_view name, std::uint8_t type) {
        entries_.push_back({std::string{name}, node_->number + 1 + entries_.size(), type});
    });
}

std::int64_t DirectoryFile::seek(std::int64_t offset, std::uint64_t whence) {
    if (whence != SEEK_SET && whence != SEEK_CUR) {
        return -EINVAL;
    }
    auto const position = sought(position_, 0, offset, whence);
    if (position >= 0) {
        position_ = static_cast<std::size_t>(position);
        collected_ = collected_ && position != 0;
    }
    return position;
}

bool put_entry(std::span<std::byte>& to, std::uint64_t number, std::uint64_t next,
               std::uint8_t type, std::string_view name) {
    constexpr std::size_t head = 19;  // struct linux_dirent64 up to its name
    auto const bytes = (head + name.size() + 1 + 7) & ~std::size_t{7};
    if (bytes > to.size()) {
        return false;
    }
    auto const length = static_cast<std::uint16_t>(bytes);
    std::memset(to.data(), 0, bytes);
    std::memcpy(to.data(), &number, 8);
    std::memcpy(to.data() + 8, &next, 8);
    std::memcpy(to.data() + 16, &length, 2);
    std::memcpy(to.data() + 18, &type, 1);
    std::memcpy(to.data() + head, name.data(), name.size());
    to = to.subspan(bytes);
    return true;
}

std::int64_t DirectoryFile::list(std::span<std::byte> to) {
    if (!collected_) {
        collect();
    }
    auto const all = to.size();
    while (position_ < entries_.size()) {
        auto const& entry = entries_[position_];
        if (!put_entry(to, entry.number, position_ + 1, entry.type, entry.name)) {
            return to.size() == all ? -EINVAL : static_cast<std::int64_t>(all - to.size());
        }
        ++position_;
    }
    return static_cast<std::int64_t>(all - to.size());
}

std::int64_t DeviceFile::read(Asker, std::span<std::byte> to, std::optional<std::uint64_t>) {
    switch (node_->device) {
        case Device::zero:
        case Device::full:
            std::ranges::fill(to, std::byte{0});
            return static_cast<std::int64_t>(to.size());
        case Device::random: {
            for (auto rest = to; !rest.empty();) {
                auto const word = random_word();
                auto const count = std::min(rest.size(), sizeof(word));
                std::memcpy(rest.data(), &word, count);
                rest = rest.subspan(count);
            }
            return static_cast<std::int64_t>(to.size());
        }
        default:
            return 0;
    }
}

std::int64_t DeviceFile::write(Asker, std::span<std::byte const> from,
                               std::optional<std::uint64_t>) {
    return node_->device == Device::full && !from.empty() ? -ENOSPC
                                                          : static_cast<std::int64_t>(from.size());
}

}  // namespace quarry::server
