#include "kernel/trace.hpp"

#include "kernel/dispatch.hpp"

namespace quarry::tracing {

void print_rights(std::uint64_t mode) {
    abi::PageOptions const options{mode >> 32};
    write("{}{}{}", (mode & 1) != 0 ? "r" : "-", (mode & 2) != 0 ? "w" : "-",
          (mode & 4) != 0 ? "x" : "-");
    write("{}{}", (mode & abi::permission::may_write.bits) != 0 ? " may_write" : "",
          (mode & abi::permission::may_execute.bits) != 0 ? " may_execute" : "");
    write("{}{}{}", options.has(abi::page_option::if_absent) ? " if_absent" : "",
          options.has(abi::page_option::if_sole) ? " if_sole" : "",
          options.has(abi::page_option::huge) ? " huge" : "");
}

void print_share_mode(std::uint64_t mode) {
    auto const tag = [](std::uint64_t word) {
        return (word & abi::permission::tag_mask) >> abi::permission::tag_shift;
    };
    write("keep ");
    print_rights(mode & ~(~std::uint64_t{0} << abi::permission::tag_shift));
    write(" mark {} spare {}", tag(mode), tag(mode >> abi::ShareMode::spare_shift));
}

void print_result(std::uint64_t word) {
    constexpr std::uint64_t first_error = ~std::uint64_t{0} - 254;
    if (word >= first_error) {
        write(" = {}\n", static_cast<Error>(~word + 1));
    } else {
        write(" = {:x}\n", word);
    }
}

}  // namespace quarry::tracing
