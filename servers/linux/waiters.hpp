// Who waits for something to happen to an object: threads that got would_block and sleep on their
// channel until it changes. Being told in vain is harmless: they ask again.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

namespace quarry::server {

// A thread by its environment's id.
void wake_thread(std::uint64_t environment);

class Waiters {
  public:
    void add(std::uint64_t environment) {
        if (std::ranges::find(waiting_, environment) == waiting_.end()) {
            waiting_.push_back(environment);
        }
    }
    void wake_all() {
        auto const waiting = std::exchange(waiting_, {});
        for (auto const environment : waiting) {
            wake_thread(environment);
        }
    }

  private:
    std::vector<std::uint64_t> waiting_;
};

}  // namespace quarry::server
