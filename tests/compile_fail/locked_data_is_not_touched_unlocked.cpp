// Guarded data is reached only with its lock held.
// refused: requires holding
#include "kernel/lock.hpp"

using namespace quarry;

class Counter {
  public:
    int next() {
#ifndef MISUSE
        LockGuard const guard(lock_);
#endif
        return ++value_;
    }

  private:
    SpinLock lock_;
    int value_ GUARDED_BY(lock_) = 0;
};

int use(Counter& counter) { return counter.next(); }
