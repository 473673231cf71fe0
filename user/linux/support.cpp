// What the compiler and libc++'s headers call that the library OS has no library for.
#include "user/linux/signals.hpp"
#include "user/linux/text.hpp"

extern "C" {

[[noreturn]] void quarry_library_assertion(char const* message) noexcept {
    quarry::libos::say("libos: {}\n", std::string_view{message});
    quarry::libos::end_process_now();
}
[[noreturn]] void abort() {
    quarry::libos::say_text("libos: abort\n");
    quarry::libos::end_process_now();
}

}  // extern "C"

namespace std {
inline namespace __1 {
[[noreturn]] void __libcpp_verbose_abort(char const* format, ...) {
    quarry_library_assertion(format);
}
}  // namespace __1
}  // namespace std
