// A program that dereferences null, says where, and goes on behind.
// console: survived a write to 0x8 at 0x4[0-9a-f]+
#include "tests/guest/check.hpp"
#include "user/rt/fault.hpp"

using namespace quarry;
using namespace quarry::test;

extern "C" char quarry_after_the_mistake[];

namespace {

int reports = 0;

AfterFault report(ProgramFault& fault) {
    if (!fault.is_page_fault() || fault.page() != 0) {
        return AfterFault::give_up;
    }
    ++reports;
    print("survived a {} to 0x{:x} at 0x{:x}\n", fault.is_write() ? "write" : "read",
          fault.address(), fault.registers().frame.rip);
    fault.resume_at(reinterpret_cast<std::uint64_t>(quarry_after_the_mistake));
    return AfterFault::resume;
}

struct Node {
    Node* next;
    std::uint64_t value;
};

}  // namespace

int main() {
    set_fault_handler(report);
    Node volatile* node = nullptr;
    asm volatile("movq $1, 8(%0)\n.global quarry_after_the_mistake\nquarry_after_the_mistake:"
                 :
                 : "r"(node)
                 : "memory");
    check(reports == 1, "reported once, then went on");
    return 0;
}
