// Reads a line from the console and says what it was; then waits for q.
#include "user/rt/console.hpp"

#include <string>

int main() {
    quarry::print("type a line: ");
    std::string line;
    char key = 0;
    while (quarry::read_keys({&key, 1}) && key != '\n' && key != '\r') {
        line += key;
    }
    quarry::print("\nyou typed: {}\nq ends: ", line);
    while (quarry::read_keys({&key, 1}) && key != 'q') {
    }
    quarry::print("\n");
    return 0;
}
