// The library's lock. Not pthread's, which a program may have replaced and which need not be constant-initialised.
#pragma once

#include "heap/linux/source.hpp"
#include "heap/waiting_lock.hpp"

namespace slab::hosted {

using FutexLock = WaitingLock<Source>;

}  // namespace slab::hosted
