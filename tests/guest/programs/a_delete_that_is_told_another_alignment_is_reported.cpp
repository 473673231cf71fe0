// A delete that is told an alignment which the block has not is reported, and ends the program.
// expect: fault 6
// console: slab: the alignment that delete was told is not the block's: [0-9a-f]+
#include "tests/guest/check.hpp"

#include <cstdint>
#include <new>

int main() {
    void* blocks[3];
    for (auto*& block : blocks) {
        block = operator new(64, std::align_val_t{64});
    }
    operator delete(blocks[0], 64, std::align_val_t{64});
    operator delete(blocks[1], std::align_val_t{64});
    auto const address = reinterpret_cast<std::uintptr_t>(blocks[2]);
    operator delete(blocks[2], std::align_val_t{2 * (address & -address)});
    quarry::print("the instruction went through\n");
    return 1;
}
