// Reads an archive in cpio's "newc" format (cpio(5)): how programs and files reach the machine.
// Every length in it is an allegation until checked against the archive's own size.
#pragma once

#include "base/bytes.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace quarry {

struct ArchiveFile {
    std::string_view name;
    Bytes data;
    std::uint32_t number = 0;  // the same for names that are one file
    std::uint32_t mode = 0;
    std::uint32_t links = 1;
    std::uint32_t modified = 0;  // seconds since 1970
};

class Archive {
  public:
    explicit constexpr Archive(Bytes bytes) : rest_(bytes) {}

    // The next file, or nothing at the trailer, at the end, or at the first malformed header.
    std::optional<ArchiveFile> next() {
        auto const header = slice(rest_, 0, header_bytes);
        if (!header || as_text(*header).substr(0, 6) != "070701") {
            return std::nullopt;
        }
        auto const data_bytes = field(*header, 6);
        auto const name_bytes = field(*header, 11);
        if (!data_bytes || !name_bytes || *name_bytes == 0) {
            return std::nullopt;
        }
        std::size_t const data_at = round_up(header_bytes + *name_bytes);
        auto const name = slice(rest_, header_bytes, *name_bytes - 1);
        auto const data = slice(rest_, data_at, *data_bytes);
        if (!name || !data || as_text(*name) == "TRAILER!!!") {
            return std::nullopt;
        }
        auto const next_at = round_up(data_at + *data_bytes);
        rest_ = next_at < rest_.size() ? rest_.subspan(next_at) : Bytes{};
        return ArchiveFile{.name = as_text(*name),
                           .data = *data,
                           .number = field(*header, 0).value_or(0),
                           .mode = field(*header, 1).value_or(0),
                           .links = field(*header, 4).value_or(1),
                           .modified = field(*header, 5).value_or(0)};
    }

    // The data of the file called `name`, if the archive has it.
    std::optional<Bytes> find(std::string_view name) const {
        Archive reader{rest_};
        while (auto const file = reader.next()) {
            if (file->name == name) {
                return file->data;
            }
        }
        return std::nullopt;
    }

  private:
    static constexpr std::size_t header_bytes = 110;
    static constexpr std::size_t round_up(std::size_t bytes) {
        return (bytes + 3) & ~std::size_t{3};
    }

    // Field `index` of the header: eight hexadecimal digits.
    static std::optional<std::uint32_t> field(Bytes header, std::size_t index) {
        return parse_number<std::uint32_t>(as_text(header).substr(6 + index * 8, 8), 16);
    }

    Bytes rest_;
};

}  // namespace quarry
