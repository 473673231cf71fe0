#include "servers/linux/file_system.hpp"

#include "servers/linux/proc.hpp"
#include "servers/linux/process.hpp"

#include <algorithm>

namespace quarry::server {
namespace {

constexpr std::size_t name_bytes = 255;
constexpr int most_links = 40;

Ref<Node>& root() {
    static Ref<Node> node = make_ref<Node>(NodeKind::directory, 0755u);
    return node;
}

Ref<Node> child_of(Process* process, Node& directory, std::string const& name) {
    if (directory.proc != ProcFile::none && process != nullptr) {
        if (auto made = proc_child(*process, directory, name)) {
            return made;
        }
    }
    auto const found = directory.entries.find(name);
    return found == directory.entries.end() ? Ref<Node>{} : found->second;
}

struct Walk {
    Process& process;
    int links = 0;

    Found go(Ref<Node> start, std::string_view path, Follow follow) {
        Found found;
        if (path.empty()) {
            found.error = -ENOENT;
            return found;
        }
        auto current = path.front() == '/' ? root() : start;
        bool const wants_directory = path.back() == '/';
        found.node = current;
        found.has_slash = wants_directory;
        if (wants_directory && follow == Follow::no) {
            follow = Follow::yes;
        }
        while (!path.empty()) {
            auto const slash = path.find_first_not_of('/');
            if (slash == std::string_view::npos) {
                break;
            }
            path = path.substr(slash);
            auto const end = std::min(path.find('/'), path.size());
            auto const name = std::string{path.substr(0, end)};
            path = path.substr(end);
            bool const last = path.find_first_not_of('/') == std::string_view::npos;
            step(found, current, name, last, last ? follow : Follow::yes);
            if (found.error != 0) {
                if (!last) {
                    found.directory = {};
                }
                return found;
            }
            current = found.node;
            if (found.file) {
                break;
            }
        }
        if (wants_directory && found.node && !found.node->is(NodeKind::directory)) {
            found.error = -ENOTDIR;
        }
        return found;
    }

    // One component of a path.
    void step(Found& found, Ref<Node> const& directory, std::string const& name, bool last,
              Follow follow) {
        if (!directory->is(NodeKind::directory)) {
            found.error = -ENOTDIR;
            found.directory = {};
            found.node = {};
            return;
        }
        if (name.size() > name_bytes) {
            found.error = -ENAMETOOLONG;
            return;
        }
        found.directory = directory;
        found.name = name;
        if (name == "." || name == "..") {
            bool const up = name == ".." && directory->parent != nullptr;
            found.node = up ? Ref<Node>{directory->parent} : directory;
            return;
        }
        auto const child = child_of(&process, *directory, name);
        if (!child) {
            found.error = -ENOENT;
            found.node = {};
            return;
        }
        found.node = child;
        if (child->is(NodeKind::link) && (!last || follow == Follow::yes)) {
            follow_link(found, directory, child);
        }
    }

    void follow_link(Found& found, Ref<Node> const& directory, Ref<Node> const& link) {
        if (link->proc_descriptor >= 0) {
            auto* const owner = find_process(link->proc_process);
            found.file = owner == nullptr
                             ? Ref<OpenFile>{}
                             : owner->file(static_cast<std::uint64_t>(link->proc_descriptor));
            found.node =
                found.file && found.file->node() != nullptr ? Ref<Node>{found.file->node()} : link;
            found.error = found.file ? 0 : -ENOENT;
            return;
        }
        if (++links > most_links) {
            found.error = -ELOOP;
            return;
        }
        bool const has_slash = found.has_slash;
        found = go(directory, link->target, Follow::yes);
        found.has_slash = has_slash;
    }
};

// The directory of a name from the archive, made if it is not there.
Ref<Node> make_directories(std::string_view path, std::string& name) {
    auto current = root();
    for (;;) {
        while (path.starts_with("/") || path.starts_with("./")) {
            path.remove_prefix(path.front() == '/' ? 1 : 2);
        }
        auto const slash = path.find('/');
        if (slash == std::string_view::npos) {
            name = std::string{path};
            return current;
        }
        auto const part = std::string{path.substr(0, slash)};
        path = path.substr(slash);
        auto next = child_of(nullptr, *current, part);
        if (!next) {
            next = make_ref<Node>(NodeKind::directory, 0755u);
            put(*current, part, next);
        }
        if (!next->is(NodeKind::directory)) {
            return {};
        }
        current = next;
    }
}

Ref<Node> node_of(ArchiveFile const& file) {
    auto const type = file.mode & S_IFMT;
    if (type == S_IFDIR) {
        return make_ref<Node>(NodeKind::directory, file.mode);
    }
    if (type == S_IFLNK) {
        auto link = make_ref<Node>(NodeKind::link, 0777u);
        link->target = std::string{as_text(file.data)};
        return link;
    }
    if (type != S_IFREG) {
        return {};
    }
    auto node = make_ref<Node>(NodeKind::regular, file.mode);
    node->content = Content{file.data};
    return node;
}

void add_device(std::string name, Device device) {
    std::string last;
    auto const directory = make_directories("dev/" + name, last);
    auto node = make_ref<Node>(NodeKind::device, 0666u);
    node->device = device;
    put(*directory, last, node);
}

void add_link(std::string const& path, std::string target) {
    std::string last;
    auto const directory = make_directories(path, last);
    if (directory && !directory->entries.contains(last)) {
        auto link = make_ref<Node>(NodeKind::link, 0777u);
        link->target = std::move(target);
        put(*directory, last, link);
    }
}

void add_directory(std::string const& path, std::uint32_t permissions) {
    std::string last;
    auto const directory = make_directories(path, last);
    if (directory && !directory->entries.contains(last)) {
        put(*directory, last, make_ref<Node>(NodeKind::directory, permissions));
    }
}

}  // namespace

Ref<Node> root_directory() { return root(); }

Found find(Process& process, Ref<Node> start, std::string_view path, Follow follow) {
    return Walk{process}.go(std::move(start), path, follow);
}

std::string path_of(Node const& directory) {
    if (directory.parent == nullptr) {
        return "/";
    }
    std::string path;
    for (auto const* node = &directory; node->parent != nullptr && path.size() < most_path_bytes;
         node = node->parent) {
        auto const& names = node->parent->entries;
        auto const own = std::ranges::find_if(
            names, [&](auto const& each) { return each.second.get() == node; });
        path.insert(0, own == names.end() ? "/(deleted)" : "/" + own->first);
    }
    return path;
}

void put(Node& directory, std::string name, Ref<Node> node) {
    if (node->is(NodeKind::directory)) {
        node->parent = &directory;
        ++directory.links;
    }
    directory.entries[std::move(name)] = std::move(node);
    directory.touch();
}

void put_new(Node& directory, std::string name, Ref<Node> node) {
    if ((directory.permissions & S_ISGID) != 0) {
        node->group = directory.group;
        node->permissions |= node->is(NodeKind::directory) ? S_ISGID : 0u;
    }
    put(directory, std::move(name), std::move(node));
}

void take(Node& directory, std::string const& name) {
    auto const found = directory.entries.find(name);
    if (found == directory.entries.end()) {
        return;
    }
    auto const node = found->second;
    if (node->is(NodeKind::directory)) {
        --directory.links;
        node->parent = nullptr;
    }
    node->changed = real_time();
    directory.entries.erase(found);
    directory.touch();
}

void fill_from(Archive archive) {
    std::map<std::uint32_t, Ref<Node>> linked;
    while (auto const file = archive.next()) {
        std::string name;
        auto const directory = make_directories(file->name, name);
        if (!directory || name.empty() || name == ".") {
            continue;
        }
        // Hard links: every name but the last has no data (cpio(5), "newc").
        auto const known = linked.find(file->number);
        bool const shares = file->links > 1 && (file->mode & S_IFMT) == S_IFREG;
        if (shares && known != linked.end()) {
            ++known->second->links;
            if (!file->data.empty()) {
                known->second->content = Content{file->data};
            }
            put(*directory, name, known->second);
            continue;
        }
        auto node = node_of(*file);
        if (!node) {
            continue;
        }
        if (auto const there = directory->entries.find(name);
            there != directory->entries.end() && node->is(NodeKind::directory)) {
            there->second->permissions = node->permissions;
            continue;
        }
        node->modified = node->accessed = node->changed =
            std::uint64_t{file->modified} * 1'000'000'000;
        put(*directory, name, node);
        if (shares) {
            linked[file->number] = node;
        }
    }
    add_directory("tmp", 01777);
    add_directory("root", 0700);
    add_directory("var", 0755);
    add_directory("proc", 0555);
    add_directory("dev", 0755);
    add_directory("dev/shm", 01777);
    add_device("null", Device::null);
    add_device("zero", Device::zero);
    add_device("full", Device::full);
    add_device("random", Device::random);
    add_device("urandom", Device::random);
    add_device("tty", Device::terminal);
    add_device("console", Device::terminal);
    add_link("dev/stdin", "/proc/self/fd/0");
    add_link("dev/stdout", "/proc/self/fd/1");
    add_link("dev/stderr", "/proc/self/fd/2");
    add_link("dev/fd", "/proc/self/fd");
    root()->entries["proc"]->proc = ProcFile::root;
}

}  // namespace quarry::server
