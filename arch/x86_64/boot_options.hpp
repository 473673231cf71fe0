// The kernel's command line: options for the kernel, each beginning with `--`, then the program and
// its arguments.
#pragma once

#include <string_view>

namespace quarry::x86 {

class BootOptions {
  public:
    explicit constexpr BootOptions(std::string_view line) : program_(line) {
        for (;;) {
            auto const begin = program_.find_first_not_of(' ');
            program_.remove_prefix(begin == std::string_view::npos ? program_.size() : begin);
            if (!program_.starts_with("--")) {
                return;
            }
            auto const option = program_.substr(0, program_.find(' '));
            constexpr std::string_view self_test = "--self-test=";
            if (option.starts_with(self_test)) {
                self_test_ = option.substr(self_test.size());
            }
            trace_ = trace_ || option == "--trace";
            monitor_ = monitor_ || option == "--monitor";
            program_.remove_prefix(option.size());
        }
    }
    constexpr std::string_view program() const { return program_; }
    constexpr std::string_view self_test() const { return self_test_; }

    // System calls are traced from the start.
    constexpr bool trace() const { return trace_; }
    // Breakpoints of native programs enter the monitor.
    constexpr bool monitor() const { return monitor_; }

  private:
    std::string_view program_;
    std::string_view self_test_;
    bool trace_ = false;
    bool monitor_ = false;
};

}  // namespace quarry::x86
