// Runs random native calls against the kernel and the model side by side.
#pragma once

#include "tests/host/machine_fixture.hpp"
#include "tests/host/model.hpp"

#include <cstdint>
#include <random>
#include <string>
#include <vector>

namespace quarry::test {

class ModelDriver {
  public:
    explicit ModelDriver(std::uint64_t seed);

    // One random call. An empty text if kernel and model agree and the invariants hold.
    std::string step();
    // Ends every space but the first and checks that all memory is back.
    std::string finish();

  private:
    struct Actor {
        std::uint64_t id = 0;
        Environment* environment = nullptr;  // runs the actor's calls
        ModelSpace space;
        std::size_t parent = 0;
        bool alive = false;
    };
    struct Range {
        std::uint64_t page;
        std::uint64_t count;
    };
    struct Window {
        std::uint64_t holder;  // ids of spaces
        std::uint64_t space;
        std::uint64_t first;
        std::uint64_t count;
    };
    static constexpr std::size_t max_actors = 5;

    std::uint64_t pick(std::uint64_t n) { return random_() % n; }
    bool chance(std::uint64_t one_in) { return pick(one_in) == 0; }
    std::uint64_t random_page();
    Range random_range();
    std::uint64_t random_perms();
    std::size_t random_actor();
    std::uint64_t id_for(std::size_t caller, std::size_t target);

    std::string page_call();
    std::string prepare_fork(std::size_t caller, std::size_t child, std::uint64_t first,
                             std::uint64_t count);
    std::string share_call(std::size_t caller, std::uint64_t page, std::uint64_t count);
    std::string space_call();
    std::string window_call();
    std::string bad_call();
    std::string touch();
    std::string touch(std::size_t actor, std::uint64_t page);
    std::string compare(char const* what, Error expected, std::uint64_t got);
    std::string create_space(std::size_t caller);
    std::string destroy_space(std::size_t target);
    // Whether the caller has the right over the target, or a window of it, or of these pages.
    bool allowed(std::size_t caller, std::size_t target) const;
    bool holds_any(std::size_t caller, std::size_t target) const;
    bool reaches(std::size_t caller, std::size_t target, std::uint64_t page,
                 std::uint64_t count) const;

    std::mt19937_64 random_;
    TestMachine machine_;
    Model model_;
    std::vector<Actor> actors_;
    std::vector<Window> windows_;
    std::size_t actor_ = 0;       // acted last
    std::uint64_t page_ = 0x400;  // used last
    std::uint64_t stamps_ = 0;
    std::uint64_t steps_ = 0;
};

}  // namespace quarry::test
