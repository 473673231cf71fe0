#include "user/linux/text_files.hpp"

#include "user/linux/memory.hpp"
#include "user/linux/server.hpp"
#include "user/linux/text.hpp"
#include "user/linux/uapi.hpp"

#include <cstring>
#include <mutex>
#include <string_view>

namespace quarry::libos {
namespace {

// Writes into the channel's data; what does not fit is cut off.
class ChannelText {
  public:
    void operator()(std::string_view text) {
        auto const room = protocol::channel_data_bytes - used_;
        auto const count = text.size() < room ? text.size() : room;
        std::memcpy(data_of(this_thread()) + used_, text.data(), count);
        used_ += count;
    }
    std::size_t used() const { return used_; }

  private:
    std::size_t used_ = 0;
};

void write_mapping(ChannelText& text, Mapping const& mapping) {
    auto const flag = [&](std::uint32_t bit, std::string_view name) {
        return (mapping.protection & bit) != 0 ? name : std::string_view{"-"};
    };
    format_to(text, "{:08x}-{:08x} {}{}{}{} {:08x} 00:00 {} ", mapping.begin, mapping.end,
              flag(PROT_READ, "r"), flag(PROT_WRITE, "w"), flag(PROT_EXEC, "x"),
              mapping.kind == MappingKind::shared ? "s" : "p",
              mapping.kind == MappingKind::anonymous ? std::uint64_t{0} : mapping.offset,
              mapping.handle >> 1);
    std::string_view const name = mapping.is_stack           ? "                  [stack]\n"
                                  : mapping.is_program_break ? "                  [heap]\n"
                                                             : "\n";
    text(name);
}

}  // namespace

std::int64_t open_own_text(std::uint64_t path) {
    constexpr std::string_view wanted = "/proc/self/maps";
    char name[wanted.size() + 1];
    if (copy_in_string(name, path, sizeof(name)) != static_cast<std::int64_t>(wanted.size()) ||
        std::string_view{name, wanted.size()} != wanted) {
        return no_own_text;
    }
    ChannelText text;
    {
        std::lock_guard const guard{memory.lock};
        for (auto const& mapping : memory.mappings.all()) {
            write_mapping(text, mapping);
        }
    }
    return ask(protocol::Operation::own_text, text.used());
}

}  // namespace quarry::libos
