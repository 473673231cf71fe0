// `run_measured COMMAND…`: runs it without output, prints its CPU time in microseconds and its peak memory
// in KiB. A process's peak counts what it was before it became the command, so whoever starts it must be
// small.
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fcntl.h>

#include <cstdio>
#include <cstdlib>

int main(int count, char** arguments) {
    if (count < 2) {
        std::fputs("run_measured COMMAND…\n", stderr);
        return 2;
    }
    auto const child = fork();
    if (child == 0) {
        auto const nowhere = open("/dev/null", O_WRONLY);
        dup2(nowhere, STDOUT_FILENO);
        if (auto const* const library = std::getenv("MEASURED_PRELOAD"); library != nullptr) {
            setenv("LD_PRELOAD", library, 1);
        }
        execvp(arguments[1], arguments + 1);
        std::perror(arguments[1]);
        _exit(127);
    }
    int status = 0;
    rusage usage{};
    if (child < 0 || wait4(child, &status, 0, &usage) != child) {
        std::perror("run_measured");
        return 2;
    }
    auto const microseconds = [](timeval const& time) {
        return time.tv_sec * 1'000'000 + time.tv_usec;
    };
    std::printf("%ld %ld\n", microseconds(usage.ru_utime) + microseconds(usage.ru_stime),
                usage.ru_maxrss);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
