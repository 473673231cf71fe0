#include "servers/linux/node.hpp"

#include "servers/linux/pipe.hpp"
#include "user/rt/call.hpp"

namespace quarry::server {
namespace {

constinit std::uint64_t next_number = 2;
constinit std::uint64_t time_base = 0;

std::uint32_t type_bits(Node const& node) {
    switch (node.kind) {
        case NodeKind::regular:
            return S_IFREG;
        case NodeKind::directory:
            return S_IFDIR;
        case NodeKind::link:
            return S_IFLNK;
        case NodeKind::fifo:
            return S_IFIFO;
        case NodeKind::device:
            return S_IFCHR;
        case NodeKind::socket:
            return S_IFSOCK;
    }
    return 0;
}

constexpr std::uint64_t second = 1'000'000'000;

}  // namespace

Node::Node(NodeKind kind_of, std::uint32_t permission_bits)
    : kind(kind_of), permissions(permission_bits & 07777), number(next_number++) {
    touch();
    accessed = modified;
    links = kind == NodeKind::directory ? 2 : 1;
}

Node::~Node() = default;

std::uint32_t Node::mode() const { return type_bits(*this) | permissions; }

void Node::touch() { modified = changed = real_time(); }

void Node::fill(struct stat& to) const {
    to = {};
    to.st_dev = proc == ProcFile::none ? 1 : 2;
    to.st_ino = number;
    to.st_nlink = links;
    to.st_mode = mode();
    to.st_uid = owner;
    to.st_gid = group;
    if (device != Device::none) {
        // Linux's numbers: memory devices are major 1, terminals 5.
        constexpr std::array<std::uint64_t, 6> numbers{0, 0x103, 0x105, 0x107, 0x109, 0x500};
        to.st_rdev = numbers[static_cast<std::size_t>(device)];
    }
    to.st_size = static_cast<__kernel_long_t>(kind == NodeKind::link        ? target.size()
                                              : kind == NodeKind::directory ? entries.size() * 32
                                                                            : content.size());
    to.st_blksize = abi::page_bytes;
    to.st_blocks = (to.st_size + 511) / 512;
    to.st_atime = accessed / second, to.st_atime_nsec = accessed % second;
    to.st_mtime = modified / second, to.st_mtime_nsec = modified % second;
    to.st_ctime = changed / second, to.st_ctime_nsec = changed % second;
}

std::uint64_t real_time() { return time_base + *clock_nanoseconds(); }
void set_real_time_base(std::uint64_t nanoseconds) { time_base = nanoseconds; }
std::uint64_t real_time_base() { return time_base; }

}  // namespace quarry::server
