// How the shortcuts of calls that switch are called (kernel/calls/ipc_shortcuts.hpp).
#pragma once

// A function keeps no register, and its fifth to tenth argument come where a system call has its six:
// so nothing is moved.
#define QUARRY_KEEPS_NOTHING extern "C" [[clang::preserve_none]] void
