// Processes as the server knows them: their spaces, threads, descriptors and families.
#pragma once

#include "abi/types.hpp"
#include "servers/linux/node.hpp"
#include "servers/linux/open_file.hpp"
#include "servers/linux/ref.hpp"
#include "user/linux/protocol.hpp"
#include "user/rt/call.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace quarry::server {

// A thread that waits for a System V semaphore.
struct SemaphoreWait {
    std::uint64_t set;
    std::uint64_t index;
    bool for_zero;
};

// One environment of a process, with the channel that it calls through.
struct ClientThread {
    std::uint64_t environment = 0;
    std::uint64_t process = 0;
    std::uint64_t id = 0;
    std::uint64_t slot = 0;
    std::uint64_t channel = 0;          // its address here
    Ref<OpenFile> half_open;            // a fifo's end that waits for the other
    std::uint64_t others_opened = 0;    // how often that had been opened
    std::uint32_t signals_written = 0;  // to its ring
    std::optional<SemaphoreWait> semaphore;

    protocol::Channel& head() const { return *reinterpret_cast<protocol::Channel*>(channel); }
    std::byte* data() const { return reinterpret_cast<std::byte*>(channel + abi::page_bytes); }
};

// No list of events looks at it any more (events.cpp).
void forget_events(OpenFile const& file);

class Timer;
class SignalTimer;

// One number's open file. A file without any is in no list of events either.
struct Descriptor {
    Descriptor() = default;
    Descriptor(Ref<OpenFile> opened, bool closes) : file(std::move(opened)), close_on_exec(closes) {
        if (file) {
            ++file->descriptors;
        }
    }
    Descriptor(Descriptor const& other) : Descriptor(other.file, other.close_on_exec) {}
    Descriptor& operator=(Descriptor other) noexcept {
        std::swap(file, other.file);
        std::swap(close_on_exec, other.close_on_exec);
        return *this;
    }
    ~Descriptor() {
        if (file && --file->descriptors == 0) {
            forget_events(*file);
            release_locks(*file);
        }
    }

    Ref<OpenFile> file;
    bool close_on_exec = false;
};

enum class ProcessState : std::uint8_t { unborn, running, stopped, ended };

class Process : public Counted {
  public:
    explicit Process(std::uint64_t number);
    ~Process() override;

    std::uint64_t const id;
    std::uint64_t parent = 0;
    std::uint64_t group = 0;
    std::uint64_t session = 0;
    abi::SpaceId space{};
    std::uint64_t unborn_environment = 0;  // of a child that its parent still fills
    std::string name;
    std::string command;  // arguments, each ended by NUL
    std::string executable;
    Ref<Node> program;  // which nobody may write to while it runs
    std::uint32_t mask = 022;
    std::size_t most_descriptors = protocol::usual_descriptors;
    Ref<Node> directory;
    ProcessState state = ProcessState::unborn;
    std::int32_t wait_status = 0;
    bool has_news = false;               // stopped or continued, and the parent has not heard of it
    std::vector<std::uint64_t> threads;  // environments
    std::map<std::uint64_t, Ref<Node>> handles;  // what it has mapped
    Waiters child_waiters;
    bool shares_memory = false;    // with its parent, after vfork
    Waiters release_waiters;       // until it does so no more
    std::unique_ptr<Timer> alarm;  // alarm(2), setitimer(2)
    std::map<std::uint64_t, std::unique_ptr<SignalTimer>> timers;
    bool adopts_orphans = false;  // PR_SET_CHILD_SUBREAPER
    int parent_death_signal = 0;  // PR_SET_PDEATHSIG

    // Null for a number that is no descriptor.
    Ref<OpenFile> file(std::uint64_t descriptor) const;
    // The lowest free descriptor from `from` on; -EMFILE.
    std::int64_t add(Ref<OpenFile> file, bool close_on_exec, std::uint64_t from = 0);
    bool close(std::uint64_t descriptor);
    std::vector<Descriptor>& descriptors() { return descriptors_; }
    std::vector<Descriptor> const& descriptors() const { return descriptors_; }

    // Tells it of a signal, ends it (SIGKILL), stops it or lets it go on (SIGSTOP, SIGCONT). False:
    // no more of those that queue can wait.
    bool signal(protocol::SignalNote const& note);
    // One of the kernel's own.
    void signal(int number);

  private:
    std::vector<Descriptor> descriptors_;
};

Process* find_process(std::uint64_t id);
std::map<std::uint64_t, Ref<Process>>& all_processes();
ClientThread* find_thread(std::uint64_t environment);

// Puts a thread among waiters (open_file.hpp).
void wait_for(Waiters& waiters, ClientThread& thread);

// Whether a process runs this file (ETXTBSY).
bool is_running(Node const& program);

// What siginfo says of a child: CLD_ code, and status or signal.
struct ChildNews {
    std::int32_t code;
    std::int32_t status;
};
ChildNews news_of(Process const& child);

bool group_exists(std::uint64_t group, std::uint64_t session);

// A process that is nobody's child, with a space of its own, not yet filled.
Result<Ref<Process>> make_process(std::string_view name);
// An environment of the process gets a channel, in the area of `slot`. An error: nothing happened.
Result<ClientThread*> add_thread(Process& process, abi::EnvId environment, std::uint64_t slot);
void remove_thread(std::uint64_t environment);

// Ends it with a wait status as wait(2) has it: memory, threads and files go, the record stays for the
// parent. The first process's end is the server's.
void end_process(Process& process, std::int32_t status);
// One that never ran goes without a trace.
void end_unborn(Process& process);
// The record goes.
void reap(Process& process);
void stop_process(Process& process, int signal);
void continue_process(Process& process);

// Looks for environments that ended by themselves, and ends their processes.
void find_dead();

}  // namespace quarry::server
