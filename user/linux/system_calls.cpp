// What the system is, how much of it there is, and chance.
#include "user/linux/calls.hpp"
#include "user/linux/memory.hpp"
#include "user/linux/random.hpp"
#include "user/linux/server.hpp"
#include "user/linux/uapi.hpp"
#include "user/rt/random.hpp"

#include <algorithm>
#include <cstring>

namespace quarry::libos {

void fill_random(std::span<std::byte> to) {
    while (!to.empty()) {
        auto const value = random_word() ^ process.id << 48;
        auto const count = std::min(to.size(), sizeof(value));
        std::memcpy(to.data(), &value, count);
        to = to.subspan(count);
    }
}

namespace calls {

std::int64_t uname(Registers& r) {
    new_utsname names{};
    auto const set = [](char* to, std::string_view text) {
        std::memcpy(to, text.data(), text.size());
    };
    // The release is what programs decide by which calls there are; 6.1 is Debian 12's.
    set(names.sysname, "Linux");
    set(names.nodename, "quarry");
    set(names.release, "6.1.0-quarry");
    set(names.version, "#1 Quarry's library OS");
    set(names.machine, "x86_64");
    set(names.domainname, "(none)");
    return copy_out(r.rdi, names) ? 0 : -EFAULT;
}

std::int64_t sysinfo(Registers& r) {
    abi::AccountStatus account{};
    (void)account_status(own_space, {&account});
    struct sysinfo info{};
    info.uptime = static_cast<__kernel_long_t>(*clock_nanoseconds() / 1'000'000'000);
    info.totalram = account.limit_pages * page_bytes;
    info.freeram = (account.limit_pages - account.used_pages) * page_bytes;
    info.mem_unit = 1;
    info.procs = 1;
    return copy_out(r.rdi, info) ? 0 : -EFAULT;
}

std::int64_t getrandom(Registers& r) {
    constexpr std::uint64_t known = GRND_NONBLOCK | GRND_RANDOM | GRND_INSECURE;
    if ((r.rdx & 0xffff'ffff & ~known) != 0) {
        return -EINVAL;
    }
    std::array<std::byte, 256> piece;
    for (std::uint64_t done = 0; done < r.rsi;) {
        auto const count = std::min<std::uint64_t>(r.rsi - done, piece.size());
        fill_random(std::span(piece).first(count));
        if (!copy_out(r.rdi + done, piece.data(), count)) {
            return done == 0 ? -EFAULT : static_cast<std::int64_t>(done);
        }
        done += count;
    }
    return static_cast<std::int64_t>(r.rsi);
}

std::int64_t succeed(Registers&) { return 0; }

// What only an administrator of the whole machine may, and nobody is that.
std::int64_t forbid(Registers&) { return -EPERM; }

// None, in all versions of the structure.
std::int64_t capget(Registers& r) {
    std::array<std::uint32_t, 2> header{};  // version, process
    if (!copy_in(header, r.rdi)) {
        return -EFAULT;
    }
    std::array<std::uint32_t, 6> const none{};
    switch (header[0]) {
        case _LINUX_CAPABILITY_VERSION_1:
            return r.rsi == 0 || copy_out(r.rsi, none.data(), sizeof(none) / 2) ? 0 : -EFAULT;
        case _LINUX_CAPABILITY_VERSION_2:
        case _LINUX_CAPABILITY_VERSION_3:
            return r.rsi == 0 || copy_out(r.rsi, none) ? 0 : -EFAULT;
        default:
            header[0] = _LINUX_CAPABILITY_VERSION_3;
            return !copy_out(r.rdi, header) ? -EFAULT : r.rsi == 0 ? 0 : -EINVAL;
    }
}

// Everybody is root, in no other group.
std::int64_t getgroups(Registers& r) { return static_cast<std::int32_t>(r.rdi) < 0 ? -EINVAL : 0; }
std::int64_t setgroups(Registers& r) {
    constexpr std::uint64_t most = 65536;
    auto const count = static_cast<std::uint32_t>(r.rdi);
    if (count > most) {
        return -EINVAL;
    }
    std::uint32_t group = 0;
    for (std::uint64_t i = 0; i < count; ++i) {
        if (!copy_in(group, r.rsi + i * sizeof(group))) {
            return -EFAULT;
        }
    }
    return 0;
}

}  // namespace calls
}  // namespace quarry::libos
