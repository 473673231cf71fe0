// What the heap says about misuse, without allocating.
#include "heap/attributes.hpp"
#include "heap/linux/backtrace.hpp"
#include "heap/linux/source.hpp"
#include "heap/linux/text.hpp"

#include <stdlib.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <string_view>

namespace slab::hosted {
namespace {

enum class OnError { abort, report, ignore };

OnError on_error() {
    auto const* const wish = secure_getenv("SLAB_ON_ERROR");
    if (wish != nullptr && std::strcmp(wish, "report") == 0) {
        return OnError::report;
    }
    if (wish != nullptr && std::strcmp(wish, "ignore") == 0) {
        return OnError::ignore;
    }
    return OnError::abort;
}

void write_backtrace(FileText& text) {
    std::array<std::uintptr_t, 16> callers{};
    auto const count = note_callers(callers);
    for (std::size_t i = 0; i < count; ++i) {
        write_place(text << "slab:     called from ", callers[i]);
    }
}

}  // namespace

void write_all(int file_descriptor, std::string_view text) {
    while (!text.empty()) {
        auto const written = write(file_descriptor, text.data(), text.size());
        if (written <= 0) {
            return;
        }
        text.remove_prefix(static_cast<std::size_t>(written));
    }
}

SLAB_COLD void report(char const* what, void const* pointer, std::size_t block_bytes) {
    KeepErrno const kept;
    auto const wish = on_error();
    if (wish == OnError::ignore) {
        return;
    }
    {
        FileText text(WriteTo{STDERR_FILENO});
        text << "slab: " << what;
        if (pointer != nullptr) {
            (text << ": ").hex(reinterpret_cast<std::uintptr_t>(pointer));
        }
        if (block_bytes != 0) {
            text << " (a block of " << block_bytes << " bytes)";
        }
        text << "\n";
    }
    {
        FileText text(WriteTo{STDERR_FILENO});
        if (wish == OnError::abort) {
            write_backtrace(text);
        }
    }
    if (wish == OnError::abort) {
        abort();
    }
}

}  // namespace slab::hosted
