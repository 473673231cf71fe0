#include "user/linux/calls.hpp"
#include "user/linux/memory.hpp"
#include "user/linux/server.hpp"
#include "user/linux/signals.hpp"

#include <algorithm>

namespace quarry::libos {
namespace {

// Places in the channel's data, one behind the other.
class Places {
  public:
    // Nothing when it is full.
    std::byte* take(std::size_t bytes) {
        if (bytes > protocol::channel_data_bytes - used_) {
            return nullptr;
        }
        auto* const at = data_of(this_thread()) + used_;
        used_ = std::min((used_ + bytes + 7) & ~std::size_t{7}, protocol::channel_data_bytes);
        return at;
    }
    static std::uint64_t offset_of(std::byte const* at) {
        return static_cast<std::uint64_t>(at - data_of(this_thread()));
    }

  private:
    std::size_t used_ = 0;
};

constexpr std::size_t path_bytes = 4096;  // PATH_MAX
constexpr std::size_t sized_bytes = 32768;

struct OutData {
    std::uint64_t to = 0;
    std::byte const* from = nullptr;
    std::size_t bytes = 0;
    bool by_result = false;
};

// Puts what an argument points to into the channel and its offset in the argument's place.
std::int64_t marshal(Argument kind, std::uint64_t& word, std::uint64_t* length, Places& places,
                     OutData& out) {
    bool const is_data = kind.kind >= ArgumentKind::path;
    if (!is_data) {
        return 0;
    }
    if (word == 0) {
        word = protocol::no_data;
        return 0;
    }
    if (kind.kind == ArgumentKind::path) {
        auto* const at = places.take(path_bytes);
        auto const copied = at == nullptr
                                ? -ENAMETOOLONG
                                : copy_in_string(reinterpret_cast<char*>(at), word, path_bytes);
        word = copied < 0 ? word : Places::offset_of(at);
        return copied < 0 ? copied : 0;
    }
    bool const sized = kind.kind == ArgumentKind::in_sized || kind.kind == ArgumentKind::out_sized;
    std::size_t bytes = kind.bytes;
    if (sized) {
        *length = std::min<std::uint64_t>(*length, sized_bytes);
        bytes = *length;
    }
    auto* const at = places.take(bytes);
    if (at == nullptr) {
        return -EINVAL;
    }
    bool const goes_out = kind.kind == ArgumentKind::out || kind.kind == ArgumentKind::out_sized;
    if (goes_out) {
        out = {word, at, bytes, sized};
    } else if (!copy_in(at, word, bytes)) {
        return -EFAULT;
    }
    word = Places::offset_of(at);
    return 0;
}

}  // namespace

std::int64_t forward_as(std::uint64_t number, std::array<std::uint64_t, 6> arguments,
                        std::uint64_t deadline) {
    auto const& declaration = *declaration_of(number);
    Places places;
    std::array<OutData, 6> outs{};
    std::array<std::uint64_t, 7> words{};
    std::ranges::copy(arguments, words.begin());
    for (std::size_t i = 0; i < arguments.size(); ++i) {
        auto const done =
            marshal(declaration.arguments[i], words[i], &words[i + 1], places, outs[i]);
        if (done < 0) {
            return done;
        }
    }
    auto& channel = channel_of(this_thread());
    std::copy_n(words.begin(), channel.arguments.size(), channel.arguments.begin());
    auto const answer = ask_until_done(number, words[0], words[1], words[2], deadline);
    if (answer < 0) {
        return answer;
    }
    for (auto const& out : outs) {
        auto const bytes = out.by_result
                               ? std::min<std::size_t>(out.bytes, static_cast<std::size_t>(answer))
                               : out.bytes;
        if (out.to != 0 && !copy_out(out.to, out.from, bytes)) {
            return -EFAULT;
        }
    }
    return answer;
}

std::int64_t forward(Registers& registers) {
    return forward_as(registers.rax, arguments_of(registers));
}

}  // namespace quarry::libos
