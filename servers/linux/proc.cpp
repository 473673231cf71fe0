#include "servers/linux/proc.hpp"

#include "base/format.hpp"
#include "servers/linux/file_system.hpp"
#include "servers/linux/missing_calls.hpp"
#include "servers/linux/process.hpp"
#include "user/rt/call.hpp"

#include <array>
#include <charconv>

namespace quarry::server {
namespace {

constexpr std::uint8_t directory_type = 4;
constexpr std::uint8_t regular_type = 8;
constexpr std::uint8_t link_type = 10;

struct Name {
    std::string_view name;
    ProcFile file;
};
constexpr std::array root_files{
    Name{"meminfo", ProcFile::memory_info},
    Name{"mounts", ProcFile::mounts},
    Name{"uptime", ProcFile::uptime},
    Name{"cpuinfo", ProcFile::processors},
    Name{"version", ProcFile::version},
    Name{"loadavg", ProcFile::load},
    Name{"stat", ProcFile::system_stat},
    Name{"filesystems", ProcFile::file_systems},
    Name{"missing_calls", ProcFile::missing_calls},
};
constexpr std::array process_files{
    Name{"stat", ProcFile::stat},     Name{"status", ProcFile::status},
    Name{"statm", ProcFile::statm},   Name{"cmdline", ProcFile::command},
    Name{"comm", ProcFile::name},     Name{"environ", ProcFile::empty},
    Name{"mounts", ProcFile::mounts}, Name{"maps", ProcFile::empty},
};
constexpr std::array<std::string_view, 3> process_links{"exe", "cwd", "root"};

class Text {
  public:
    void operator()(std::string_view part) { text_ += part; }
    template <typename... Args>
    void add(FormatString<std::type_identity_t<Args>...> format, Args const&... args) {
        format_to(*this, format, args...);
    }
    std::string take() { return std::move(text_); }

  private:
    std::string text_;
};

char state_of(Process const& process) {
    switch (process.state) {
        case ProcessState::ended:
            return 'Z';
        case ProcessState::stopped:
            return 'T';
        default:
            return 'S';
    }
}

abi::AccountStatus account() {
    abi::AccountStatus status{};
    (void)account_status(own_space, {&status});
    return status;
}

std::string short_name(Process const& process) {
    return process.name.substr(process.name.rfind('/') + 1).substr(0, 15);
}

std::string process_text(Process const& process, ProcFile file) {
    Text text;
    auto const name = short_name(process);
    switch (file) {
        case ProcFile::stat:
            text.add("{} ({}) ", process.id, std::string_view{name});
            text({std::array{state_of(process)}.data(), 1});
            text.add(" {} {} {} 1280 {} 0 0 0 0 0 0 0 0 0 20 0 {} 0 0 0 0 ", process.parent,
                     process.group, process.session, std::uint64_t{1}, process.threads.size());
            text("0 0 0 0 0 0 0 0 0 0 0 0 17 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n");
            break;
        case ProcFile::status:
            text.add("Name:\t{}\nState:\t", std::string_view{name});
            text({std::array{state_of(process)}.data(), 1});
            text.add("\nTgid:\t{}\nPid:\t{}\nPPid:\t{}\nUid:\t0\t0\t0\t0\nGid:\t0\t0\t0\t0\n",
                     process.id, process.id, process.parent);
            text.add("Threads:\t{}\n", process.threads.size());
            break;
        case ProcFile::statm:
            text("0 0 0 0 0 0 0\n");
            break;
        case ProcFile::command:
            text(process.command);
            break;
        case ProcFile::name:
            text(name);
            text("\n");
            break;
        default:
            break;
    }
    return text.take();
}

std::string system_text(ProcFile file) {
    Text text;
    auto const nanoseconds = *clock_nanoseconds();
    switch (file) {
        case ProcFile::memory_info: {
            auto const status = account();
            constexpr std::uint64_t page_kib = 4;
            auto const free = (status.limit_pages - status.used_pages) * page_kib;
            text.add("MemTotal:       {:8} kB\nMemFree:        {:8} kB\nMemAvailable:   {:8} kB\n",
                     status.limit_pages * page_kib, free, free);
            text("Buffers:               0 kB\nCached:                0 kB\n");
            text("SwapTotal:             0 kB\nSwapFree:              0 kB\n");
            break;
        }
        case ProcFile::mounts:
            text("quarry / tmpfs rw 0 0\nproc /proc proc rw 0 0\n");
            break;
        case ProcFile::uptime:
            text.add("{}.{:02} 0.00\n", nanoseconds / 1'000'000'000,
                     nanoseconds / 10'000'000 % 100);
            break;
        case ProcFile::processors:
            text("processor\t: 0\nvendor_id\t: Quarry\nmodel name\t: x86-64\n\n");
            break;
        case ProcFile::version:
            text("Linux version 6.1.0-quarry (a library OS on Quarry)\n");
            break;
        case ProcFile::load:
            text.add("0.00 0.00 0.00 1/{} 1\n", all_processes().size());
            break;
        case ProcFile::system_stat:
            text("cpu  0 0 0 0 0 0 0 0 0 0\ncpu0 0 0 0 0 0 0 0 0 0 0\n");
            break;
        case ProcFile::missing_calls:
            text(missing_calls_text());
            break;
        case ProcFile::file_systems:
            text("nodev\ttmpfs\nnodev\tproc\n");
            break;
        default:
            break;
    }
    return text.take();
}

Ref<Node> make_text(std::string const& text) {
    auto node = make_ref<Node>(NodeKind::regular, 0444u);
    (void)node->content.write(0, std::as_bytes(std::span(text)));
    node->proc = ProcFile::empty;
    return node;
}

Ref<Node> make_link(std::string target) {
    auto node = make_ref<Node>(NodeKind::link, 0777u);
    node->target = std::move(target);
    return node;
}

Ref<Node> make_directory(Node& parent, ProcFile file, std::uint64_t process) {
    auto node = make_ref<Node>(NodeKind::directory, 0555u);
    node->proc = file;
    node->proc_process = process;
    node->parent = &parent;
    return node;
}

Ref<Node> descriptor_link(Process& process, std::string const& name) {
    auto const number = parse_number<std::uint32_t>(name, 10);
    auto const file = number ? process.file(*number) : Ref<OpenFile>{};
    if (!file) {
        return {};
    }
    auto link =
        make_link(file->path.empty() ? "pipe:[" + std::to_string(*number) + "]" : file->path);
    link->proc_process = process.id;
    link->proc_descriptor = static_cast<std::int32_t>(*number);
    return link;
}

Ref<Node> process_child(Process& process, Node& directory, std::string const& name) {
    for (auto const& each : process_files) {
        if (each.name == name) {
            return make_text(each.file == ProcFile::mounts ? system_text(each.file)
                                                           : process_text(process, each.file));
        }
    }
    if (name == "fd") {  // the directory above may be gone before this one
        return make_directory(*directory.parent, ProcFile::descriptors, process.id);
    }
    if (name == "exe") {
        return make_link(process.executable);
    }
    if (name == "cwd") {
        return make_link(process.directory ? path_of(*process.directory) : "/");
    }
    return name == "root" ? make_link("/") : Ref<Node>{};
}

}  // namespace

Ref<Node> proc_child(Process& asker, Node& directory, std::string const& name) {
    if (directory.proc == ProcFile::root) {
        if (name == "self" || name == "thread-self") {
            return make_link(std::to_string(asker.id));
        }
        for (auto const& each : root_files) {
            if (each.name == name) {
                return make_text(system_text(each.file));
            }
        }
        auto const id = parse_number<std::uint32_t>(name, 10);
        return id && find_process(*id) != nullptr
                   ? make_directory(directory, ProcFile::process, *id)
                   : Ref<Node>{};
    }
    auto* const process = find_process(directory.proc_process);
    if (process == nullptr) {
        return {};
    }
    return directory.proc == ProcFile::descriptors ? descriptor_link(*process, name)
                                                   : process_child(*process, directory, name);
}

void list_proc(Node const& directory,
               std::function<void(std::string_view, std::uint8_t)> const& function) {
    auto* const process = find_process(directory.proc_process);
    switch (directory.proc) {
        case ProcFile::root:
            function("self", link_type);
            for (auto const& each : root_files) {
                function(each.name, regular_type);
            }
            for (auto const& [id, each] : all_processes()) {
                function(std::to_string(id), directory_type);
            }
            return;
        case ProcFile::process:
            for (auto const& each : process_files) {
                function(each.name, regular_type);
            }
            for (auto const name : process_links) {
                function(name, link_type);
            }
            function("fd", directory_type);
            return;
        case ProcFile::descriptors:
            for (std::size_t i = 0; process != nullptr && i < process->descriptors().size(); ++i) {
                if (process->file(i)) {
                    function(std::to_string(i), link_type);
                }
            }
            return;
        default:
            return;
    }
}

}  // namespace quarry::server
