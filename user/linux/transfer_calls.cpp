// Reading and writing: through the channel, piece by piece.
#include "user/linux/calls.hpp"
#include "user/linux/memory.hpp"
#include "user/linux/server.hpp"
#include "user/linux/signals.hpp"
#include "user/linux/text_files.hpp"
#include "user/linux/transfer.hpp"
#include "user/linux/uapi.hpp"

#include <algorithm>

namespace quarry::libos {
namespace {

enum class Direction : std::uint8_t { in, out };

// One piece: number of the call with an offset or without.
std::int64_t transfer_piece(Direction direction, std::uint64_t descriptor, std::uint64_t address,
                            std::uint64_t bytes, std::uint64_t offset) {
    bool const reads = direction == Direction::in;
    auto const number =
        static_cast<std::uint64_t>(offset == no_offset ? (reads ? __NR_read : __NR_write)
                                                       : (reads ? __NR_pread64 : __NR_pwrite64));
    bool const there =
        reads ? bytes == 0 || may_write(address) : copy_in(data_of(this_thread()), address, bytes);
    if (!there) {
        OpenMode const mode{descriptor};
        return (reads ? mode.may_read() : mode.may_write()) ? -EFAULT : -EBADF;
    }
    auto const done = ask_until_done(number, descriptor, bytes, offset);
    if (!reads || done <= 0) {
        return done;
    }
    auto const copied =
        copy_out_some(address, data_of(this_thread()), static_cast<std::size_t>(done));
    return copied == 0 ? -EFAULT : static_cast<std::int64_t>(copied);
}

// Pieces until all is done or one comes short. An error after some bytes is for the next call.
std::int64_t transfer(Direction direction, std::uint64_t descriptor, std::uint64_t address,
                      std::uint64_t bytes, std::uint64_t offset) {
    bytes = std::min(bytes, most_bytes);
    std::uint64_t done = 0;
    do {
        if (done != 0 && is_to_end()) {
            break;  // nobody will see the result
        }
        auto const piece = std::min(bytes - done, piece_bytes);
        auto const at = offset == no_offset ? no_offset : offset + done;
        auto const moved = transfer_piece(direction, descriptor, address + done, piece, at);
        if (moved < 0) {
            return done == 0 ? moved : static_cast<std::int64_t>(done);
        }
        done += static_cast<std::uint64_t>(moved);
        // A short read is all there is for now; a short write goes on, and waits if it has to.
        if (static_cast<std::uint64_t>(moved) < piece &&
            (direction == Direction::in || moved == 0)) {
            break;
        }
    } while (done < bytes);
    return static_cast<std::int64_t>(done);
}

// All of a list must be right before anything is moved.
std::int64_t check_vectors(std::uint64_t vectors, std::uint64_t count) {
    if (count > UIO_MAXIOV) {
        return -EINVAL;
    }
    for (std::uint64_t i = 0; i < count; ++i) {
        std::array<std::uint64_t, 2> vector{};
        if (!copy_in(vector, vectors + i * sizeof(vector))) {
            return -EFAULT;
        }
        if (static_cast<std::int64_t>(vector[1]) < 0) {
            return -EINVAL;
        }
        if (vector[0] > user_top || vector[1] > user_top - vector[0]) {
            return -EFAULT;
        }
    }
    return 0;
}

std::int64_t transfer_vectors(Direction direction, std::uint64_t descriptor, std::uint64_t vectors,
                              std::uint64_t count, std::uint64_t offset) {
    if (auto const error = check_vectors(vectors, count); error != 0) {
        return error;
    }
    std::uint64_t done = 0;
    for (std::uint64_t i = 0; i < count; ++i) {
        std::array<std::uint64_t, 2> vector{};
        if (!copy_in(vector, vectors + i * sizeof(vector))) {
            return done == 0 ? -EFAULT : static_cast<std::int64_t>(done);
        }
        if (vector[1] == 0) {
            continue;
        }
        auto const at = offset == no_offset ? no_offset : offset + done;
        auto const moved = transfer(direction, descriptor, vector[0], vector[1], at);
        if (moved < 0) {
            return done == 0 ? moved : static_cast<std::int64_t>(done);
        }
        done += static_cast<std::uint64_t>(moved);
        if (static_cast<std::uint64_t>(moved) < vector[1]) {
            break;
        }
    }
    return static_cast<std::int64_t>(done);
}

bool is_harmless(std::uint64_t flags) {
    constexpr std::uint64_t harmless = RWF_HIPRI | RWF_DSYNC | RWF_SYNC;
    return (flags & 0xffff'ffff & ~harmless) == 0;
}

bool is_offset(std::uint64_t offset) { return static_cast<std::int64_t>(offset) >= 0; }

}  // namespace

namespace calls {

std::int64_t read(Registers& r) { return transfer(Direction::in, r.rdi, r.rsi, r.rdx, no_offset); }
std::int64_t write(Registers& r) {
    return transfer(Direction::out, r.rdi, r.rsi, r.rdx, no_offset);
}
std::int64_t pread64(Registers& r) {
    return is_offset(r.r10) ? transfer(Direction::in, r.rdi, r.rsi, r.rdx, r.r10) : -EINVAL;
}
std::int64_t pwrite64(Registers& r) {
    return is_offset(r.r10) ? transfer(Direction::out, r.rdi, r.rsi, r.rdx, r.r10) : -EINVAL;
}
std::int64_t readv(Registers& r) {
    return transfer_vectors(Direction::in, r.rdi, r.rsi, r.rdx, no_offset);
}
std::int64_t writev(Registers& r) {
    return transfer_vectors(Direction::out, r.rdi, r.rsi, r.rdx, no_offset);
}
std::int64_t preadv(Registers& r) {
    return is_offset(r.r10) ? transfer_vectors(Direction::in, r.rdi, r.rsi, r.rdx, r.r10) : -EINVAL;
}
std::int64_t pwritev(Registers& r) {
    return is_offset(r.r10) ? transfer_vectors(Direction::out, r.rdi, r.rsi, r.rdx, r.r10)
                            : -EINVAL;
}

// An offset of -1 means the file's own position. Those flags that only ask for speed or safety are
// passed over.
std::int64_t preadv2(Registers& r) {
    return !is_harmless(r.r9) ? -EOPNOTSUPP : r.r10 == no_offset ? readv(r) : preadv(r);
}
std::int64_t pwritev2(Registers& r) {
    return !is_harmless(r.r9) ? -EOPNOTSUPP : r.r10 == no_offset ? writev(r) : pwritev(r);
}

std::int64_t open(Registers& r) {
    auto const own = open_own_text(r.rdi);
    return own != no_own_text ? own : forward(r);
}
std::int64_t openat(Registers& r) {
    auto const own = open_own_text(r.rsi);
    return own != no_own_text ? own : forward(r);
}

// A length that is an int, unlike all others.
std::int64_t readlink(Registers& r) {
    return static_cast<std::int32_t>(r.rdx) <= 0 ? -EINVAL : forward(r);
}
std::int64_t readlinkat(Registers& r) {
    return static_cast<std::int32_t>(r.r10) <= 0 ? -EINVAL : forward(r);
}

}  // namespace calls
}  // namespace quarry::libos
