// `run_measured COMMAND…`: runs it without output, prints its CPU time in microseconds, its peak memory in KiB: the
// largest of its processes', read when each ends; and the anonymous memory in KiB with which it ends itself. Of a process
// that never had 16 MB, pages of files do not count: which of a library's are in memory is the system's affair.
//
// A process's peak counts what it was before it became the command, so whoever starts it must be small.
#include <fcntl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace {

[[noreturn]] void become(char** command) {
    dup2(open("/dev/null", O_WRONLY), STDOUT_FILENO);
    if (auto const* const library = std::getenv("MEASURED_PRELOAD"); library != nullptr) {
        setenv("LD_PRELOAD", library, 1);
    }
    ptrace(PTRACE_TRACEME, 0, nullptr, nullptr);
    execvp(command[0], command);
    std::perror(command[0]);
    _exit(127);
}

// From /proc/PID/status (proc(5)); 0 if it is not there.
long kib_of(FILE* status, char const* name) {
    std::rewind(status);
    std::array<char, 256> line{};
    while (std::fgets(line.data(), line.size(), status) != nullptr) {
        if (std::strncmp(line.data(), name, std::strlen(name)) == 0) {
            return std::strtol(line.data() + std::strlen(name) + 1, nullptr, 10);
        }
    }
    return 0;
}

struct Memory {
    long peak_kib = 0;
    long anonymous_kib = 0;
};
Memory memory_of(pid_t process) {
    constexpr long least_whole_kib = 16'000'000 / 1024;
    std::array<char, 64> path{};
    std::snprintf(path.data(), path.size(), "/proc/%d/status", process);
    FILE* const status = std::fopen(path.data(), "r");
    if (status == nullptr) {
        return {};
    }
    auto const peak = kib_of(status, "VmHWM:");
    auto const anonymous = kib_of(status, "RssAnon:");
    auto const of_files = kib_of(status, "RssFile:") + kib_of(status, "RssShmem:");
    std::fclose(status);
    return {.peak_kib = peak < least_whole_kib ? peak - of_files : peak,
            .anonymous_kib = anonymous};
}

// The command's processes stop where they begin and end, and for their signals (ptrace(2)).
struct Ended {
    int status = 0;
    Memory memory;
};
Ended follow(pid_t command) {
    constexpr auto options = PTRACE_O_TRACEEXIT | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK |
                             PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL;
    Ended ended;
    bool begun = false;
    for (;;) {
        int status = 0;
        auto const process = waitpid(-1, &status, __WALL);
        if (process < 0) {
            return ended;
        }
        if (!WIFSTOPPED(status)) {
            if (process == command) {
                ended.status = status;
            }
            continue;
        }
        if (!begun) {
            begun = true;  // the first stop: it has become the command
            ptrace(PTRACE_SETOPTIONS, process, nullptr, options);
            ptrace(PTRACE_CONT, process, nullptr, nullptr);
            continue;
        }
        if (status >> 8 == (SIGTRAP | PTRACE_EVENT_EXIT << 8)) {
            auto const memory = memory_of(process);
            ended.memory.peak_kib = std::max(ended.memory.peak_kib, memory.peak_kib);
            if (process == command) {
                ended.memory.anonymous_kib = memory.anonymous_kib;
            }
        }
        // A new process begins with a stop, too, that is no signal of its own.
        auto const signal = WSTOPSIG(status);
        bool const is_its_own = status >> 16 == 0 && signal != SIGSTOP && signal != SIGTRAP;
        ptrace(PTRACE_CONT, process, nullptr, is_its_own ? signal : 0);
    }
}

long microseconds(timeval const& time) { return time.tv_sec * 1'000'000 + time.tv_usec; }

}  // namespace

int main(int count, char** arguments) {
    if (count < 2) {
        std::fputs("run_measured COMMAND…\n", stderr);
        return 2;
    }
    auto const command = fork();
    if (command == 0) {
        become(arguments + 1);
    }
    if (command < 0) {
        std::perror("run_measured");
        return 2;
    }
    auto const [status, memory] = follow(command);
    rusage usage{};
    getrusage(RUSAGE_CHILDREN, &usage);
    std::printf("%ld %ld %ld\n", microseconds(usage.ru_utime) + microseconds(usage.ru_stime),
                memory.peak_kib, memory.anonymous_kib);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
