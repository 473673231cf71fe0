#include "user/linux/program.hpp"

#include "user/linux/calls.hpp"
#include "user/linux/server.hpp"
#include "user/linux/text.hpp"
#include "user/linux/uapi.hpp"

#include <array>
#include <cstring>

namespace quarry::libos {
namespace {

std::int64_t open_executable(std::string_view path) {
    std::memcpy(data_of(this_thread()), path.data(), path.size());
    data_of(this_thread())[path.size()] = std::byte{0};
    return ask(protocol::Operation::open_executable);
}

// The first page, in the channel; how much of it there is.
std::int64_t read_head(std::int64_t descriptor) {
    return ask(__NR_pread64, static_cast<std::uint64_t>(descriptor), page_bytes, 0);
}

}  // namespace

void close_program(Program const& program) {
    (void)ask(__NR_close, static_cast<std::uint64_t>(program.descriptor));
}

std::int64_t open_program(std::string_view path, Program& program) {
    program.descriptor = open_executable(path);
    if (program.descriptor < 0) {
        return program.descriptor;
    }
    auto const bytes = read_head(program.descriptor);
    if (bytes < 0) {
        close_program(program);
        return bytes;
    }
    auto const head = text_of(this_thread(), bytes);
    if (head.starts_with("#!")) {
        return bytes;
    }
    auto const executable = Executable::parse(std::as_bytes(std::span(head)));
    auto const handle = executable ? ask(protocol::Operation::map_open,
                                         static_cast<std::uint64_t>(program.descriptor), 0)
                                   : -ENOEXEC;
    if (handle < 0) {
        close_program(program);
        return handle;
    }
    program.executable = *executable;
    program.handle = static_cast<std::uint64_t>(handle);
    return 0;
}

std::int64_t open_linker(Program const& program, Program& linker) {
    std::array<char, 256> path{};
    auto const& executable = program.executable;
    if (executable.linker_bytes() == 0) {
        return 0;
    }
    if (executable.linker_bytes() >= path.size()) {
        return -ENOEXEC;
    }
    auto const got = ask(__NR_pread64, static_cast<std::uint64_t>(program.descriptor),
                         executable.linker_bytes(), executable.linker_offset());
    if (got != static_cast<std::int64_t>(executable.linker_bytes())) {
        return -ENOEXEC;
    }
    std::memcpy(path.data(), data_of(this_thread()), executable.linker_bytes());
    auto const opened = open_program({path.data()}, linker);
    if (opened < 0) {
        say("libos: the program is linked dynamically and '{}' is not here: link it with -static\n",
            std::string_view{path.data()});
    }
    return opened > 0 ? -ENOEXEC : opened;
}

}  // namespace quarry::libos
