// What Linux's PROT_ bits are as permissions of pages.
#pragma once

#include "abi/types.hpp"
#include "user/linux/uapi.hpp"

#include <array>
#include <cstdint>

namespace quarry::libos {

inline constexpr auto may_all = abi::permission::may_write | abi::permission::may_execute;

// What a frame of the program's own may be used for under a protection. A page is never writable and
// executable at once: one that should be both is writable until it is executed, and so on.
constexpr abi::Permissions permissions_when_executed(std::uint32_t protection) {
    return (protection & PROT_EXEC) != 0 ? abi::permission::execute | may_all
           : protection == PROT_NONE     ? may_all
                                         : abi::permission::read | may_all;
}
inline constexpr std::uint32_t all_protection = PROT_READ | PROT_WRITE | PROT_EXEC;
inline constexpr auto permissions_of_protection = [] {
    std::array<abi::Permissions, all_protection + 1> table{};
    for (std::uint32_t protection = 0; protection < table.size(); ++protection) {
        table[protection] = (protection & PROT_WRITE) != 0 ? abi::permission::write | may_all
                                                           : permissions_when_executed(protection);
    }
    return table;
}();
inline abi::Permissions permissions_for(std::uint32_t protection, bool executes = false) {
    return executes ? permissions_when_executed(protection)
                    : permissions_of_protection[protection & all_protection];
}

}  // namespace quarry::libos
