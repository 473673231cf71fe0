// What a name in the file system stands for.
#pragma once

#include "servers/linux/content.hpp"
#include "servers/linux/locks.hpp"
#include "servers/linux/ref.hpp"
#include "servers/linux/waiters.hpp"
#include "user/linux/uapi.hpp"

#include <cstdint>
#include <map>
#include <string>

namespace quarry::server {

class Pipe;

enum class NodeKind : std::uint8_t { regular, directory, link, fifo, device, socket };

enum class Device : std::uint8_t { none, null, zero, full, random, terminal };

// Text that is made when the node is opened; /proc is made of such.
enum class ProcFile : std::uint8_t {
    none,
    root,
    process,
    descriptors,
    stat,
    status,
    statm,
    command,
    name,
    memory_info,
    mounts,
    uptime,
    processors,
    version,
    load,
    system_stat,
    empty,
    file_systems,
    missing_calls,
};

class Node : public Counted {
  public:
    Node(NodeKind kind_of, std::uint32_t permission_bits);
    ~Node() override;

    bool is(NodeKind which) const { return kind == which; }
    // Whether it is of the kinds that other systems would keep on a disk.
    bool has_content() const { return is(NodeKind::regular) || is(NodeKind::directory); }
    // A name of it goes; a directory's only one, with its own "." in it.
    void unlink() { links -= is(NodeKind::directory) ? 2 : 1; }
    // A directory without a name takes no new ones.
    bool is_removed() const { return links == 0; }
    std::uint32_t mode() const;  // with the type's bits
    void fill(struct stat& to) const;
    void touch();

    NodeKind const kind;
    Device device = Device::none;
    ProcFile proc = ProcFile::none;
    std::uint64_t proc_process = 0;
    std::int32_t proc_descriptor = -1;  // of a link under /proc/N/fd
    std::uint32_t permissions;
    std::uint32_t owner = 0;
    std::uint32_t group = 0;
    std::uint32_t links = 1;
    std::uint64_t const number;
    std::uint64_t modified = 0;  // nanoseconds since 1970
    std::uint64_t accessed = 0;
    std::uint64_t changed = 0;
    Content content;                           // of a regular file
    std::map<std::string, Ref<Node>> entries;  // of a directory
    Node* parent = nullptr;                    // of a directory, while it has a name
    std::string target;                        // of a link
    Ref<Pipe> pipe;                            // of a fifo that is open
    FileLocks record_locks;                    // fcntl's
    FileLocks file_locks;                      // flock's
};

// Nanoseconds since 1970.
std::uint64_t real_time();
void set_real_time_base(std::uint64_t nanoseconds);
std::uint64_t real_time_base();

}  // namespace quarry::server
