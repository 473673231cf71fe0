// Text for a file descriptor.
#pragma once

#include "heap/text.hpp"

#include <string_view>

namespace slab::hosted {

// Writes all of it, or gives up.
void write_all(int file_descriptor, std::string_view text);

struct WriteTo {
    int file_descriptor;
    void operator()(std::string_view text) const { write_all(file_descriptor, text); }
};
using FileText = Text<WriteTo>;

}  // namespace slab::hosted
