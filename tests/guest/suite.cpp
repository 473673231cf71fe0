// Runs guest tests one after the other in one boot: `suite NAME…` starts each program and says how
// it ended, and whether all it had came back.
#include "user/rt/console.hpp"
#include "user/rt/spawn.hpp"

namespace {

using namespace quarry;

std::uint64_t used_pages() {
    abi::AccountStatus status{};
    if (!account_status(own_space, {&status})) {
        fail("no account status");
    }
    return status.used_pages;
}

void run(std::string_view name) {
    print("[suite] begin {}\n", name);
    auto const before = used_pages();
    {
        auto child = spawn(name);
        if (!child) {
            print("\n[suite] end {} not started: {}\n", name, child.error());
            return;
        }
        auto const status = child->wait();
        child->destroy();
        if (status.cause == abi::EndCause::fault) {
            print("\n[suite] end {} fault {}", name, status.fault_vector);
        } else {
            print("\n[suite] end {} exit {}", name, status.exit_status);
        }
    }
    auto const after = used_pages();
    print(" kept {}\n", static_cast<std::int64_t>(after - before));
}

}  // namespace

int main(int argument_count, char** arguments) {
    for (int i = 1; i < argument_count; ++i) {
        run(arguments[i]);
    }
    return 0;
}
