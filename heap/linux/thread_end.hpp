// A function that is called with a thread's heap when the thread ends.
#pragma once

#include "heap/linux/futex_lock.hpp"

#include <pthread.h>

#include <mutex>

namespace slab::hosted {

class ThreadEnd {
  public:
    constexpr explicit ThreadEnd(void (*function)(void*)) : function_(function) {}

    FutexLock& lock() { return lock_; }

    // For the calling thread. May allocate.
    void expect(void* heap) {
        {
            std::lock_guard const guard(lock_);
            if (!has_key_) {
                has_key_ = pthread_key_create(&key_, function_) == 0;
            }
        }
        if (has_key_) {
            pthread_setspecific(key_, heap);
        }
    }

  private:
    void (*function_)(void*);
    FutexLock lock_;
    bool has_key_ = false;
    pthread_key_t key_{};
};

}  // namespace slab::hosted
