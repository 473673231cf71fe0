// The hosted machine keeps the same registers, though nothing runs on them.
#pragma once

#include "arch/x86_64/machine/saved_state.hpp"  // IWYU pragma: export
