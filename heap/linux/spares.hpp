// Heaps of threads that ended, for those to come. They are never given back: there are as many as there
// were threads at once.
#pragma once

#include "heap/linux/futex_lock.hpp"

#include <memory>
#include <mutex>

namespace slab::hosted {

class Spares {
  public:
    FutexLock& lock() { return lock_; }

    void put(void* memory) {
        auto* const spare = std::construct_at(static_cast<Spare*>(memory));
        std::lock_guard const guard(lock_);
        spare->next = first_;
        first_ = spare;
    }
    // Null if there is none.
    void* take() {
        std::lock_guard const guard(lock_);
        auto* const spare = first_;
        if (spare != nullptr) {
            first_ = spare->next;
        }
        return spare;
    }

  private:
    struct Spare {
        Spare* next;
    };
    FutexLock lock_;
    Spare* first_ = nullptr;
};

}  // namespace slab::hosted
