// With SLAB_PURGE_THREAD=1 free memory goes back although the program makes no calls. A forked child has no
// such thread: there it goes back when calls come, as without.
#include "heap/linux/hardened.hpp"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

#include <string_view>

namespace slab::hosted {
namespace {

void* purge_for_ever(void*) {
    constexpr timespec quarter_second{0, 250'000'000};
    for (;;) {
        nanosleep(&quarter_second, nullptr);
        if (is_hardened()) {
            hardened_arena.purge();
        } else {
            arena.purge();
        }
    }
}

[[gnu::constructor]] void start_if_wanted() {
    auto const* const wish = secure_getenv("SLAB_PURGE_THREAD");
    if (wish == nullptr || std::string_view(wish) != "1") {
        return;
    }
    // The program's signals are not for this thread.
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pthread_t thread{};
    if (pthread_create(&thread, nullptr, purge_for_ever, nullptr) == 0) {
        pthread_detach(thread);
    }
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

}  // namespace
}  // namespace slab::hosted
