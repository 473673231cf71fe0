// How the shortcuts of calls that switch are called: here, like any function.
#pragma once

#define QUARRY_KEEPS_NOTHING extern "C" void
