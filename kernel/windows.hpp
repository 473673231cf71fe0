// Who else may make page calls in which ranges of a space: DESIGN.md, "Windows and lending". Guarded by
// the space's lock.
#pragma once

#include "base/result.hpp"
#include "kernel/page_span.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

namespace quarry {

class Windows {
  public:
    static constexpr std::size_t capacity = 32;

    // `is_alive` says whether a holder still exists: a window of one that has gone can be replaced,
    // since ids are never given twice. out_of_slots.
    template <typename IsAlive>
    Result<void> grant(std::uint64_t holder, PageSpan range, IsAlive is_alive) {
        auto* const free = std::ranges::find_if(windows_, [&](Window const& window) {
            return window.holder == nobody || !is_alive(window.holder);
        });
        if (free == windows_.end()) {
            return Error::out_of_slots;
        }
        *free = {holder, range};
        return {};
    }
    // False if it holds none.
    bool revoke(std::uint64_t holder) {
        bool found = false;
        for (auto& window : windows_) {
            if (window.holder == holder) {
                window = {};
                found = true;
            }
        }
        return found;
    }
    bool has_any(std::uint64_t holder) const {
        return std::ranges::any_of(windows_,
                                   [&](Window const& window) { return window.holder == holder; });
    }
    // Whether one window of this holder contains the span.
    bool allow(std::uint64_t holder, PageSpan span) const {
        return std::ranges::any_of(windows_, [&](Window const& window) {
            return window.holder == holder && window.range.contains(span);
        });
    }

  private:
    static constexpr std::uint64_t nobody = 0;
    struct Window {
        std::uint64_t holder = nobody;  // a space's id
        PageSpan range;
    };
    std::array<Window, capacity> windows_{};
};

}  // namespace quarry
