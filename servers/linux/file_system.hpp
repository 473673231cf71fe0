// Names: the tree of nodes, and how a path leads through it.
#pragma once

#include "base/cpio.hpp"
#include "servers/linux/node.hpp"
#include "servers/linux/open_file.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace quarry::server {

class Process;

struct Found {
    std::int64_t error =
        0;                // Linux's, negated; then nothing else counts but, at ENOENT of the last
                          // component, `directory` and `name`
    Ref<Node> directory;  // that the last component is in; null for the root itself
    std::string name;     // the last component
    Ref<Node> node;
    Ref<OpenFile> file;      // what /proc/N/fd/M stands for
    bool has_slash = false;  // behind the last component, which so is said to be a directory
};

// Links in the last place. `no` still follows one with a slash behind it; `never` is for calls that
// change the directory that the link is in.
enum class Follow : std::uint8_t { never, no, yes };

// From `start` if the path is relative. `follow` is about a link in the last place.
Found find(Process& process, Ref<Node> start, std::string_view path, Follow follow);

Ref<Node> root_directory();
// What is longer than any path that a call takes comes without its beginning.
inline constexpr std::size_t most_path_bytes = 4096;
std::string path_of(Node const& directory);

// Puts a node into a directory; replaces nothing.
void put(Node& directory, std::string name, Ref<Node> node);
// One that was just made: below a directory with the set-group-ID bit it has that one's group, and
// directories the bit.
void put_new(Node& directory, std::string name, Ref<Node> node);
void take(Node& directory, std::string const& name);

// The tree as the boot archive has it, and the directories that every system has.
void fill_from(Archive archive);

}  // namespace quarry::server
