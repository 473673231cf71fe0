// heap_probes: lists its probes. heap_probes NAME BYTES own|other mistake|twin: runs one of them.
#include "tests/probes/probe.hpp"

#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <thread>

namespace probes {

char* make_block(std::size_t bytes) {
    // Some live before it and some behind it.
    std::array<void*, 3> before{};
    for (auto& other : before) {
        other = opaque(std::malloc(bytes));
    }
    auto* const block = opaque(static_cast<char*>(std::malloc(bytes)));
    for (int i = 0; i < 3; ++i) {
        (void)opaque(std::malloc(bytes));
    }
    std::memset(block, 'b', bytes);
    announce(block, bytes);
    return block;
}

void announce(void const* block, std::size_t bytes) {
    std::printf("%zu %zu\n", reinterpret_cast<std::size_t>(block), bytes);
    std::fflush(stdout);
}

void run_in_thread(Settings const& settings, void (*function)(void*), void* argument) {
    if (settings.in_other_thread) {
        std::thread(function, argument).join();
    } else {
        function(argument);
    }
}

namespace {

template <typename Function>
void for_each_probe(Function function) {
    for (auto const probes : {freeing_probes(), writing_probes(), reading_probes()}) {
        for (auto const& probe : probes) {
            function(probe);
        }
    }
}

void list_probes() {
    for_each_probe([](Probe const& probe) {
        for (std::size_t const bytes : {8u, 64u, 1'000u, 5'000u, 100'000u, 3'000'000u}) {
            if (probe.has_sizes || bytes == 8) {
                for (auto const* const thread : {"own", "other"}) {
                    if (probe.has_threads || *thread != 'o' || thread[1] == 'w') {
                        std::printf("%.*s\t%zu\t%s\n", static_cast<int>(probe.name.size()),
                                    probe.name.data(), bytes, thread);
                    }
                }
            }
        }
    });
}

}  // namespace
}  // namespace probes

int main(int count, char** arguments) {
    if (count == 1) {
        probes::list_probes();
        return 0;
    }
    if (count != 5) {
        std::fputs("heap_probes [NAME BYTES own|other mistake|twin]\n", stderr);
        return 1;
    }
    probes::Settings const settings{std::strtoul(arguments[2], nullptr, 10),
                                    std::string_view(arguments[4]) == "mistake",
                                    std::string_view(arguments[3]) == "other"};
    int status = 1;
    probes::for_each_probe([&](probes::Probe const& probe) {
        if (probe.name == arguments[1]) {
            status = static_cast<int>(probe.run(settings));
        }
    });
    return status;
}
