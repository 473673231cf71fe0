// A file of its own, that the linker puts behind the others' data: only a hardened heap writes to it, and the others
// share pages that every program writes to.
#include "heap/linux/hardened.hpp"

namespace slab::hosted {

constinit Arena<HardenedConfig> hardened_arena;

}  // namespace slab::hosted
