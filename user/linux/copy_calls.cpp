// From one descriptor to another, the data staying in the channel.
#include "user/linux/calls.hpp"
#include "user/linux/memory.hpp"
#include "user/linux/server.hpp"
#include "user/linux/signals.hpp"
#include "user/linux/transfer.hpp"
#include "user/linux/uapi.hpp"

#include <algorithm>

namespace quarry::libos {
namespace {

std::int64_t copy_between(std::uint64_t from, std::uint64_t from_offset, std::uint64_t to,
                          std::uint64_t to_offset, std::uint64_t bytes) {
    std::uint64_t done = 0;
    while (done < bytes && (done == 0 || !is_to_end())) {
        auto const piece = std::min(bytes - done, piece_bytes);
        bool const at = from_offset != no_offset;
        auto const got = ask_until_done(static_cast<std::uint64_t>(at ? __NR_pread64 : __NR_read),
                                        from, piece, at ? from_offset + done : no_offset);
        if (got <= 0) {
            return done == 0 ? got : static_cast<std::int64_t>(done);
        }
        bool const to_at = to_offset != no_offset;
        auto const put =
            ask_until_done(static_cast<std::uint64_t>(to_at ? __NR_pwrite64 : __NR_write), to,
                           static_cast<std::uint64_t>(got), to_at ? to_offset + done : no_offset);
        if (put < 0) {
            return done == 0 ? put : static_cast<std::int64_t>(done);
        }
        done += static_cast<std::uint64_t>(put);
        if (static_cast<std::uint64_t>(got) < piece) {
            break;  // all there is for now: the next call may wait
        }
    }
    return static_cast<std::int64_t>(done);
}

// An offset that the program keeps, if it gives one.
struct KeptOffset {
    std::uint64_t address;
    std::uint64_t value = no_offset;
    bool load() { return address == 0 || copy_in(value, address); }
    bool store(std::int64_t moved) const {
        return address == 0 || moved <= 0 ||
               copy_out(address, value + static_cast<std::uint64_t>(moved));
    }
    bool is_negative() const { return address != 0 && static_cast<std::int64_t>(value) < 0; }
};

using FileState = struct stat;

// What a descriptor is of and how it was opened, so that nothing is read that cannot be written.
class End {
  public:
    explicit End(std::uint64_t descriptor)
        : mode(descriptor),
          descriptor_(descriptor),
          state_(mode.is_open() ? look() : FileState{}) {}
    OpenMode const mode;

    bool is_directory() const { return (state_.st_mode & S_IFMT) == S_IFDIR; }
    bool is_regular() const { return (state_.st_mode & S_IFMT) == S_IFREG; }
    bool can_seek() const { return position() >= 0; }
    bool is_same_file(End const& other) const { return state_.st_ino == other.state_.st_ino; }
    std::uint64_t size() const { return static_cast<std::uint64_t>(state_.st_size); }
    // Where a transfer begins: as the program says, or where the file stands.
    std::uint64_t offset(KeptOffset const& given) const {
        return given.address != 0 ? given.value : static_cast<std::uint64_t>(position());
    }
    std::int64_t position() const { return forward_as(__NR_lseek, {descriptor_, 0, SEEK_CUR}); }

  private:
    FileState look() const {
        channel_of(this_thread()).arguments = {descriptor_, 0};
        FileState state{};
        if (ask(__NR_fstat) == 0) {
            state = *reinterpret_cast<FileState const*>(data_of(this_thread()));
        }
        return state;
    }

    std::uint64_t descriptor_;
    FileState state_;
};

}  // namespace

namespace calls {

std::int64_t sendfile(Registers& r) {
    KeptOffset offset{r.rdx};
    if (!offset.load()) {
        return -EFAULT;
    }
    End const from{r.rsi};
    End const to{r.rdi};
    if (!from.mode.may_read()) {
        return -EBADF;
    }
    bool const can_seek = from.can_seek();
    if (offset.address != 0 && !can_seek) {
        return -ESPIPE;
    }
    if (offset.is_negative()) {
        return -EINVAL;
    }
    if (!to.mode.may_write()) {
        return -EBADF;
    }
    if (!can_seek || from.is_directory() || to.mode.appends()) {
        return -EINVAL;
    }
    auto const moved =
        copy_between(r.rsi, offset.value, r.rdi, no_offset, std::min(r.r10, most_bytes));
    return offset.store(moved) ? moved : -EFAULT;
}

std::int64_t copy_file_range(Registers& r) {
    End const from{r.rdi};
    End const to{r.rdx};
    if (!from.mode.is_open() || !to.mode.is_open()) {
        return -EBADF;
    }
    KeptOffset from_offset{r.rsi};
    KeptOffset to_offset{r.r10};
    if (!from_offset.load() || !to_offset.load()) {
        return -EFAULT;
    }
    if (r.r9 != 0) {
        return -EINVAL;
    }
    if (from.is_directory() || to.is_directory()) {
        return -EISDIR;
    }
    if (!from.is_regular() || !to.is_regular()) {
        return -EINVAL;
    }
    if (!from.mode.may_read() || !to.mode.may_write() || to.mode.appends()) {
        return -EBADF;
    }
    if (from_offset.is_negative() || to_offset.is_negative()) {
        return -EINVAL;
    }
    auto const begin = from.offset(from_offset);
    auto const target = to.offset(to_offset);
    auto const bytes = std::min({r.r8, most_bytes, from.size() - std::min(begin, from.size())});
    if (from.is_same_file(to) && target < begin + bytes && begin < target + bytes) {
        return -EINVAL;
    }
    auto const moved = copy_between(r.rdi, from_offset.value, r.rdx, to_offset.value, bytes);
    return from_offset.store(moved) && to_offset.store(moved) ? moved : -EFAULT;
}

}  // namespace calls
}  // namespace quarry::libos
