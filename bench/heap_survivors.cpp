// heap_survivors PERCENT SEED: phases of 160 MB live, each of another mixture of sizes, of which so many blocks
// in a hundred survive, chosen at random. Prints the most memory that the heap had over the most that was live.
#include <sys/mman.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <random>
#include <string>

namespace {

using Random = std::mt19937_64;
constexpr std::size_t live_bytes = 160'000'000;
constexpr unsigned phases = 4;

struct Block {
    void* at;
    std::size_t bytes;
};

std::size_t size_of(Random& random, unsigned mixture) {
    auto const kind = random() % 100;
    switch (mixture % 4) {
        case 0:
            return 8 + random() % 120;
        case 1:
            return kind < 70 ? 16 + random() % 240 : 256 + random() % 1'800;
        case 2:
            return 512 + random() % 7'600;
        default:
            return kind < 50 ? 8 + random() % 500 : 500 + random() % 16'000;
    }
}

// Of this process, in KiB.
std::size_t status(std::string const& name) {
    std::ifstream lines("/proc/self/status");
    for (std::string word; lines >> word;) {
        if (word == name + ":") {
            std::size_t kib = 0;
            lines >> kib;
            return kib;
        }
    }
    return 0;
}

}  // namespace

int main(int count, char** arguments) {
    if (count != 3) {
        std::fputs("heap_survivors PERCENT SEED\n", stderr);
        return 1;
    }
    auto const percent = std::strtoul(arguments[1], nullptr, 10);
    auto const seed = static_cast<unsigned>(std::strtoul(arguments[2], nullptr, 10));
    Random random(seed);
    // What is noted of the blocks is no part of the heap, and there from the start.
    constexpr std::size_t most_blocks = 4'000'000;
    auto* const blocks =
        static_cast<Block*>(mmap(nullptr, most_blocks * sizeof(Block), PROT_READ | PROT_WRITE,
                                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0));
    if (blocks == MAP_FAILED) {
        std::perror("heap_survivors: mmap");
        return 1;
    }
    auto const before = status("VmRSS");
    std::size_t used = 0;
    std::size_t live = 0;
    for (unsigned phase = 0; phase < phases; ++phase) {
        while (live < live_bytes && used < most_blocks) {
            auto const bytes = size_of(random, seed + phase);
            blocks[used] = {std::malloc(bytes), bytes};
            std::memset(blocks[used++].at, 1, bytes);
            live += bytes;
        }
        std::size_t kept = 0;
        for (std::size_t i = 0; i < used; ++i) {
            if (random() % 100 < percent) {
                blocks[kept++] = blocks[i];
            } else {
                std::free(blocks[i].at);
                live -= blocks[i].bytes;
            }
        }
        used = kept;
    }
    std::printf("%.2f\n", static_cast<double>((status("VmHWM") - before) * 1024) / live_bytes);
}
