// The hosted machine walks real x86-64 tables in software.
#pragma once

#include "arch/x86_64/machine/pte.hpp"  // IWYU pragma: export
