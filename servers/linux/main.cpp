// The server of Linux programs: `linux [--trace] [--time=SECONDS] [--env=NAME=VALUE]… PATH [ARGUMENT…]`
// fills the file system from the boot archive, starts the program as process 1, and answers until
// that ends.
#include "base/elf.hpp"
#include "servers/linux/file_system.hpp"
#include "servers/linux/files.hpp"
#include "servers/linux/request.hpp"
#include "servers/linux/reserve.hpp"
#include "servers/linux/semaphores.hpp"
#include "servers/linux/signals.hpp"
#include "servers/linux/sockets.hpp"
#include "servers/linux/terminal.hpp"
#include "servers/linux/timers.hpp"
#include "servers/linux/watcher.hpp"
#include "user/linux/layout.hpp"
#include "user/rt/console.hpp"
#include "user/rt/program.hpp"
#include "user/rt/spawn.hpp"
#include "user/rt/thread.hpp"

namespace quarry::server {
namespace {

constexpr std::uint64_t keys_message = 0x2000;

struct Options {
    bool trace = false;
    std::uint64_t time = 1'577'836'800;  // 2020-01-01, as long as nobody says better
    std::uint64_t processors = 1;
    std::vector<std::string> variables{"PATH=/bin:/usr/bin:/sbin:/usr/sbin", "HOME=/root",
                                       "TERM=linux", "USER=root"};
    std::vector<std::string> arguments;
};

// Blanks separate arguments for the loader, so it is `%20` that stands for one here.
std::string decoded(std::string_view word) {
    std::string text;
    for (std::size_t i = 0; i < word.size(); ++i) {
        auto const code = word[i] == '%' && i + 2 < word.size()
                              ? parse_number<std::uint8_t>(word.substr(i + 1, 2), 16)
                              : std::nullopt;
        text.push_back(code ? static_cast<char>(*code) : word[i]);
        i += code ? 2 : 0;
    }
    return text;
}

Options parse(std::span<char*> words) {
    Options options;
    bool in_options = true;
    for (std::string_view word : words) {
        auto const value = word.substr(std::min(word.find('=') + 1, word.size()));
        if (in_options && word == "--trace") {
            options.trace = true;
        } else if (in_options && word.starts_with("--time=")) {
            options.time = parse_number<std::uint64_t>(value, 10).value_or(options.time);
        } else if (in_options && word.starts_with("--processors=")) {
            options.processors = parse_number<std::uint64_t>(value, 10).value_or(1);
        } else if (in_options && word.starts_with("--env=")) {
            options.variables.push_back(decoded(value));
        } else {
            in_options = false;
            options.arguments.push_back(decoded(word));
        }
    }
    return options;
}

void put_start(ClientThread& thread, Process const& process, Options const& options) {
    std::string text = options.arguments.front();
    text.push_back('\0');
    for (auto const& argument : options.arguments) {
        text += argument;
        text.push_back('\0');
    }
    protocol::Start start{.server = env_self()->value,
                          .process = process.id,
                          .parent = 0,
                          .options = options.trace ? protocol::option_trace : 0,
                          .realtime_base = real_time_base(),
                          .processors = options.processors,
                          .argument_bytes = text.size(),
                          .environment_bytes = 0};
    for (auto const& variable : options.variables) {
        text += variable;
        text.push_back('\0');
    }
    if (text.size() > protocol::channel_data_bytes) {
        fail("the arguments are too long");
    }
    start.environment_bytes = text.size() - start.argument_bytes;
    std::memcpy(thread.data(), text.data(), text.size());
    std::memcpy(reinterpret_cast<std::byte*>(&thread.head()) + protocol::start_at, &start,
                sizeof(start));
}

// Process 1 with the library OS in it, which then loads the program.
Result<void> start_first(Options const& options) {
    auto const file = find_file("boot/libos");
    if (!file) {
        return Error::not_found;
    }
    auto const image = TRY(ElfImage::parse(*file));
    auto const process = TRY(make_process(options.arguments.front()));
    TRY(load_image(process->space, image));
    auto const area = libos::threads_base;
    TRY(page_alloc(process->space, {area + libos::upcall_stack_at, libos::upcall_stack_pages},
                   abi::permission::write));
    TRY(page_alloc(process->space, {area + libos::call_stack_at, libos::call_stack_pages + 2},
                   abi::permission::write));
    auto const block = area + libos::thread_block_at;
    auto const environment = TRY(env_create(process->space, {image.entry().raw()}, {block}, block));
    abi::Frame frame{};
    frame.rip = image.entry().raw();
    frame.rsp = block;
    frame.rdi = block;
    frame.gs_base = block;
    TRY(env_set_frame(environment, {&frame}));
    process->group = process->session = process->id;
    process->directory = root_directory();
    auto const console = root_directory()->entries["dev"]->entries["console"];
    auto terminal = make_ref<TerminalFile>(console, static_cast<std::uint32_t>(O_RDWR));
    terminal->path = "/dev/console";
    for (int i = 0; i < 3; ++i) {
        process->add(terminal, false);
    }
    the_terminal().session = process->session;
    the_terminal().foreground = process->group;
    auto* const thread = TRY(add_thread(*process, environment, 0));
    put_start(*thread, *process, options);
    process->state = ProcessState::running;
    return env_start(environment);
}

// Keys travel in the words of a message: how many, then the keys.
void read_keys_for(std::uint64_t server) {
    for (;;) {
        std::array<char, 24> keys{};
        auto const count = read_keys(keys);
        if (!count) {
            return;
        }
        std::array<std::uint64_t, 3> words{};
        std::memcpy(words.data(), keys.data(), *count);
        (void)ipc_send(abi::EnvId{server}, keys_message | *count, words[0], words[1], words[2],
                       {nullptr});
    }
}

void take_keys(abi::Message const& message) {
    std::array<char, 24> keys{};
    std::memcpy(keys.data(), &message.words[1], keys.size());
    auto const count = std::min<std::size_t>(message.words[0] & 0xff, keys.size());
    the_terminal().type({keys.data(), count});
}

std::int64_t answer(Request& request) {
    for (auto* const serve : {serve_descriptors, serve_polling, serve_attributes, serve_opening,
                              serve_tree, serve_processes, serve_memory, serve_signals,
                              serve_timers, serve_semaphores, serve_sockets}) {
        if (auto const done = serve(request)) {
            return *done;
        }
    }
    return -ENOSYS;
}

void finish(Request const& request) {
    switch (request.after) {
        case Request::After::nothing:
            return;
        case Request::After::thread_gone:
            remove_thread(request.thread.environment);
            return;
        case Request::After::stopped:
            stop_process(request.process, request.stop_signal);
            return;
        case Request::After::killed:
            end_process(request.process, SIGKILL);
            return;
    }
}

// Serves one message; the next one, or what kept it from coming. Never with a deadline or for
// interrupt bits, which the watcher waits for: so an answer goes straight to who asked.
Result<abi::Message> serve(abi::Message const& message, abi::EnvId keyboard) {
    if (message.sender == keyboard) {
        take_keys(message);
        return ipc_receive({nullptr});
    }
    if (message.sender == watcher_environment()) {
        find_dead();
        Timer::ring_all();
        return ipc_receive({nullptr});
    }
    auto* const thread = find_thread(message.sender.value);
    auto* const process = thread == nullptr ? nullptr : find_process(thread->process);
    if (process == nullptr) {
        auto const refused = static_cast<std::uint64_t>(-std::int64_t{EPERM});
        return ipc_reply_receive(message.sender, refused, 0, 0, 0, {nullptr});
    }
    Ref<Process> const kept{process};
    Request request{*process,
                    *thread,
                    message.words[0],
                    {message.words[1], message.words[2], message.words[3]}};
    auto const result = static_cast<std::uint64_t>(answer(request));
    if (!request.answered) {
        return ipc_receive({nullptr});
    }
    if (result != static_cast<std::uint64_t>(would_block)) {
        thread->half_open = {};  // it gave up waiting, if it did
        thread->semaphore = {};
    }
    if (request.after != Request::After::nothing) {
        // The answer first, without waiting for more.
        abi::IpcOptions now{};
        now.deadline = 1;
        auto const next = ipc_reply_receive(message.sender, result, request.results[0],
                                            request.results[1], request.results[2], {&now});
        finish(request);
        return next ? next : ipc_receive({nullptr});
    }
    return ipc_reply_receive(message.sender, result, request.results[0], request.results[1],
                             request.results[2], {nullptr});
}

[[noreturn]] void serve_for_ever(abi::EnvId keyboard) {
    auto next = ipc_receive({nullptr});
    for (;;) {
        refill_reserve();
        next = next ? serve(*next, keyboard) : ipc_receive({nullptr});
    }
}

}  // namespace
}  // namespace quarry::server

extern "C" int main(int count, char** words) {  // freestanding C++ mangles `main`
    using namespace quarry;
    auto const options =
        server::parse(std::span(words, static_cast<std::size_t>(count)).subspan(1));
    if (options.arguments.empty()) {
        fail("usage: linux [--trace] [--time=SECONDS] PATH [ARGUMENT…]", 2);
    }
    server::set_real_time_base(options.time * 1'000'000'000 - *clock_nanoseconds());
    server::fill_from(boot_archive());
    server::take_reserve();
    auto watcher = server::start_watcher();
    auto keyboard = Thread::start(server::read_keys_for, env_self()->value);
    if (!keyboard || !watcher) {
        fail("no threads to watch and to read the keyboard");
    }
    if (auto const started = server::start_first(options); !started) {
        print("linux: cannot start: {}\n", started.error());
        return 1;
    }
    server::serve_for_ever(keyboard->env());
}
