// Starts another program of the boot archive in a space of its own, by the same page calls that any
// program has: the kernel loads only the first one.
#pragma once

#include "base/elf.hpp"
#include "user/rt/call.hpp"
#include "user/rt/program.hpp"

#include <optional>
#include <span>
#include <string_view>

namespace quarry {

// A program that this one started. Its record and memory last until destroy().
class Child {
  public:
    Child(Child&& other) noexcept : space_(other.space_), env_(other.env_) { other.space_ = {}; }
    Child& operator=(Child&&) = delete;
    ~Child() { destroy(); }

    abi::SpaceId space() const { return space_; }
    abi::EnvId env() const { return env_; }

    // Lets others run until the child has ended; how it ended.
    abi::EnvStatus wait() const;
    // Ends it if need be, and gives everything it had back.
    void destroy();

  private:
    friend Result<Child> spawn(std::string_view, std::string_view, std::uint64_t);
    friend Result<std::optional<Child>> fork();
    Child(abi::SpaceId space, abi::EnvId env) : space_(space), env_(env) {}
    abi::SpaceId space_;
    abi::EnvId env_;
};

// `arguments` are separated by blanks; the program's name is put before them. With `account_pages`
// the child has an account of its own, of that many pages. not_found, bad_image, or what the calls
// return.
Result<Child> spawn(std::string_view program, std::string_view arguments = {},
                    std::uint64_t account_pages = 0);

// Allocates and fills an image's segments in a space that this one created. What the calls return.
Result<void> load_image(abi::SpaceId space, ElfImage const& image);

}  // namespace quarry
