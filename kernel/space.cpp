#include "kernel/space.hpp"

#include <algorithm>

namespace quarry {

void Space::set_name(std::string_view name) {
    name_length_ = std::min(name.size(), max_name);
    for (std::size_t i = 0; i < name_length_; ++i) {
        // Diagnostics print it: nothing that a terminal would act on.
        bool const printable = name[i] > ' ' && name[i] <= '~';
        name_[i] = printable ? name[i] : '?';
    }
}

}  // namespace quarry
