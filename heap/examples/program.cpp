// A program that is linked with libslab: malloc and new are the slab heap's, and it can be asked about them.
#include "heap/slab.h"

#include <cstdio>
#include <map>
#include <string>

int main() {
    std::map<int, std::string> texts;
    for (int i = 0; i < 100'000; ++i) {
        texts[i] = std::string(static_cast<std::size_t>(i % 100), 'x');
    }
    slab_statistics statistics{};
    slab_get_statistics(&statistics);
    std::printf("in use: %llu KiB, held: %llu KiB\n",
                static_cast<unsigned long long>(statistics.in_use / 1024),
                static_cast<unsigned long long>(statistics.held / 1024));
    return statistics.in_use > 1'000'000 ? 0 : 1;
}
