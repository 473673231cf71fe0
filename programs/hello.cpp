// The smallest program: says hello, with its arguments.
#include "user/rt/console.hpp"

int main(int argument_count, char** arguments) {
    quarry::print("hello from Quarry");
    for (int i = 1; i < argument_count; ++i) {
        quarry::print(" {}", std::string_view{arguments[i]});
    }
    quarry::print("\n");
    return 0;
}
