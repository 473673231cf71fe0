// Says hello, and on which system.
#include <slab.h>
#include <sys/auxv.h>

#include <iostream>
#include <vector>

int main(int count, char** words) {
    constexpr unsigned long at_quarry = 0x51554152;
    std::vector<std::string> const names(words + 1, words + count);
    slab_statistics statistics{};
    slab_get_statistics(&statistics);
    for (auto const& name : names) {
        std::cout << "hello, " << name << ", from "
                  << (getauxval(at_quarry) != 0 ? "Quarry" : "Linux") << '\n';
    }
    return statistics.in_use != 0 ? 0 : 1;
}
