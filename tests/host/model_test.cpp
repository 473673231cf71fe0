// The kernel agrees with a reference model on random call sequences. QUARRY_MODEL_CALLS sets how
// many (the soak target: 10^9), QUARRY_MODEL_SEED where to begin.
#include "tests/host/model_driver.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

namespace quarry::test {
namespace {

std::uint64_t from_environment(char const* name, std::uint64_t otherwise) {
    auto const* const text = std::getenv(name);
    return text != nullptr ? std::stoull(text) : otherwise;
}

TEST(Model, RandomCallsAgreeWithTheReferenceModel) {
    auto const calls = from_environment("QUARRY_MODEL_CALLS", 100'000);
    auto seed = from_environment("QUARRY_MODEL_SEED", 1);
    constexpr std::uint64_t calls_a_world = 50'000;
    for (std::uint64_t done = 0; done < calls; done += calls_a_world, ++seed) {
        ModelDriver driver(seed);
        for (std::uint64_t i = 0; i < calls_a_world; ++i) {
            auto const difference = driver.step();
            ASSERT_EQ(difference, "") << "seed " << seed;
        }
        ASSERT_EQ(driver.finish(), "") << "seed " << seed;
    }
}

}  // namespace
}  // namespace quarry::test
