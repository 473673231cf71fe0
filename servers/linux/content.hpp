// A file's bytes: those of the boot archive as long as they are only read, else pages of the server's
// own, which it may lend to whoever maps the file.
#pragma once

#include "abi/types.hpp"
#include "base/bytes.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>

namespace quarry::server {

class Content {
  public:
    Content() = default;
    explicit Content(Bytes borrowed) : borrowed_(borrowed), bytes_(borrowed.size()) {}
    Content(Content const&) = delete;
    Content& operator=(Content const&) = delete;
    Content(Content&& other) noexcept;
    Content& operator=(Content&& other) noexcept;
    ~Content();

    std::uint64_t size() const { return bytes_; }

    // How many bytes there were from `offset` on, at most the span's.
    std::size_t read(std::uint64_t offset, std::span<std::byte> to) const;
    // False: no memory (ENOSPC).
    bool write(std::uint64_t offset, Bytes from);
    bool resize(std::uint64_t bytes);

    // Maps pages into a space, lent; how many came, 0 behind the end, nothing without memory.
    std::optional<std::uint64_t> lend(std::uint64_t first_page, std::uint64_t pages,
                                      abi::SpaceId space, std::uint64_t address,
                                      abi::Permissions permissions);

  private:
    bool own_pages();
    // The address of a page, made if it is not there; 0: no memory.
    std::uint64_t make_page(std::uint64_t number);
    void drop_pages(std::uint64_t from);

    Bytes borrowed_;
    std::uint64_t bytes_ = 0;
    std::map<std::uint64_t, std::uint64_t>
        pages_;  // addresses by number in the file; holes have none
};

// That all files together have.
std::uint64_t file_pages();

}  // namespace quarry::server
