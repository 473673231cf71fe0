// Whether the program's control group is short of memory.
#pragma once

namespace slab::hosted {

// Whether an eighth or less is left of the least limit of its group and those above: see cgroup.hpp. Reads a file
// if there is such a limit; which there are is found out when first asked. SLAB_CGROUP names another folder.
bool is_memory_short();

}  // namespace slab::hosted
