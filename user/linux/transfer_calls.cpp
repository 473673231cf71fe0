// Reading and writing: through the channel, piece by piece.
#include "user/linux/calls.hpp"
#include "user/linux/memory.hpp"
#include "user/linux/server.hpp"
#include "user/linux/signals.hpp"
#include "user/linux/text_files.hpp"
#include "user/linux/uapi.hpp"

#include <algorithm>

namespace quarry::libos {
namespace {

constexpr std::uint64_t piece_bytes = protocol::channel_data_bytes;
constexpr std::uint64_t most_bytes = 0x7fff'f000;  // MAX_RW_COUNT
constexpr std::uint64_t no_offset = ~std::uint64_t{0};

enum class Direction : std::uint8_t { in, out };

// One piece: number of the call with an offset or without.
std::int64_t transfer_piece(Direction direction, std::uint64_t descriptor, std::uint64_t address,
                            std::uint64_t bytes, std::uint64_t offset) {
    bool const reads = direction == Direction::in;
    if (!reads && !copy_in(data_of(this_thread()), address, bytes)) {
        return -EFAULT;
    }
    auto const number = offset == no_offset ? (reads ? __NR_read : __NR_write)
                                            : (reads ? __NR_pread64 : __NR_pwrite64);
    auto const done = ask_until_done(static_cast<std::uint64_t>(number), descriptor, bytes, offset);
    if (reads && done > 0 &&
        !copy_out(address, data_of(this_thread()), static_cast<std::size_t>(done))) {
        return -EFAULT;
    }
    return done;
}

// Pieces until all is done or one comes short. An error after some bytes is for the next call.
std::int64_t transfer(Direction direction, std::uint64_t descriptor, std::uint64_t address,
                      std::uint64_t bytes, std::uint64_t offset) {
    bytes = std::min(bytes, most_bytes);
    std::uint64_t done = 0;
    do {
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

std::int64_t transfer_vectors(Direction direction, std::uint64_t descriptor, std::uint64_t vectors,
                              std::uint64_t count, std::uint64_t offset) {
    if (count > UIO_MAXIOV) {
        return -EINVAL;
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

bool is_offset(std::uint64_t offset) { return static_cast<std::int64_t>(offset) >= 0; }

// From one descriptor to another, the data staying in the channel.
std::int64_t copy_between(std::uint64_t from, std::uint64_t from_offset, std::uint64_t to,
                          std::uint64_t to_offset, std::uint64_t bytes) {
    std::uint64_t done = 0;
    while (done < bytes) {
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
};

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

// An offset of -1 means the file's own position. Flags only ask for speed, and are passed over.
std::int64_t preadv2(Registers& r) { return r.r10 == no_offset ? readv(r) : preadv(r); }
std::int64_t pwritev2(Registers& r) { return r.r10 == no_offset ? writev(r) : pwritev(r); }

std::int64_t sendfile(Registers& r) {
    KeptOffset offset{r.rdx};
    if (!offset.load()) {
        return -EFAULT;
    }
    auto const moved =
        copy_between(r.rsi, offset.value, r.rdi, no_offset, std::min(r.r10, most_bytes));
    return offset.store(moved) ? moved : -EFAULT;
}

std::int64_t copy_file_range(Registers& r) {
    KeptOffset from{r.rsi};
    KeptOffset to{r.r10};
    if (!from.load() || !to.load()) {
        return -EFAULT;
    }
    auto const moved = copy_between(r.rdi, from.value, r.rdx, to.value, std::min(r.r8, most_bytes));
    return from.store(moved) && to.store(moved) ? moved : -EFAULT;
}

std::int64_t open(Registers& r) {
    auto const own = open_own_text(r.rdi);
    return own != no_own_text ? own : forward(r);
}
std::int64_t openat(Registers& r) {
    auto const own = open_own_text(r.rsi);
    return own != no_own_text ? own : forward(r);
}

}  // namespace calls
}  // namespace quarry::libos
