#include "arch/x86_64/screen.hpp"

#include "arch/x86_64/console_devices.hpp"
#include "arch/x86_64/font.hpp"
#include "machine/machine.hpp"

#include <algorithm>

namespace quarry::x86 {
namespace {

// A grid of characters; what a cell looks like is the device's business.
class Screen {
  public:
    enum class Device : std::uint8_t { none, vga_text, framebuffer };

    void use_vga_text() {
        device_ = Device::vga_text;
        columns_ = 80;
        rows_ = 25;
        cells_ = machine::view_as<std::uint16_t>(
            machine::physical_bytes(PhysAddr{0xb8000}, columns_ * rows_ * 2));
        clear(0, rows_);
    }

    void use_framebuffer(Framebuffer const& framebuffer) {
        device_ = Device::framebuffer;
        columns_ = framebuffer.width / font_width;
        rows_ = framebuffer.height / font_height;
        stride_ = framebuffer.pitch_bytes / 4;
        pixels_ = machine::view_as<std::uint32_t>(machine::physical_bytes(
            framebuffer.address, std::size_t{framebuffer.pitch_bytes} * framebuffer.height));
        clear(0, rows_);
    }

    void put(char c) {
        if (device_ == Device::none) {
            return;
        }
        if (c == '\n') {
            column_ = 0;
            next_row();
        } else if (c == '\r') {
            column_ = 0;
        } else if (c == '\b') {
            column_ -= column_ != 0 ? 1 : 0;
        } else {
            if (column_ == columns_) {
                column_ = 0;
                next_row();
            }
            draw(column_++, row_, c);
        }
    }

  private:
    static constexpr std::uint16_t grey_on_black = 0x0700;
    static constexpr std::uint32_t ink = 0xd0d0d0;

    void next_row() {
        if (++row_ == rows_) {
            scroll();
            --row_;
        }
    }

    void scroll() {
        if (device_ == Device::vga_text) {
            std::ranges::copy(cells_.subspan(columns_), cells_.begin());
        } else {
            auto const row = stride_ * font_height;
            std::ranges::copy(pixels_.first(row * rows_).subspan(row), pixels_.begin());
        }
        clear(rows_ - 1, rows_);
    }

    void clear(std::size_t first, std::size_t end) {
        if (device_ == Device::vga_text) {
            std::ranges::fill(cells_.subspan(first * columns_, (end - first) * columns_),
                              grey_on_black | ' ');
        } else {
            auto const row = stride_ * font_height;
            std::ranges::fill(pixels_.subspan(first * row, (end - first) * row), 0u);
        }
    }

    void draw(std::size_t column, std::size_t row, char c) {
        if (device_ == Device::vga_text) {
            cells_[row * columns_ + column] =
                static_cast<std::uint16_t>(grey_on_black | static_cast<std::uint8_t>(c));
            return;
        }
        for (std::size_t y = 0; y < font_height; ++y) {
            auto const line = pixels_.subspan(
                (row * font_height + y) * stride_ + column * font_width, font_width);
            for (std::size_t x = 0; x < font_width; ++x) {
                line[x] = font_pixel(c, x, y) ? ink : 0;
            }
        }
    }

    Device device_ = Device::none;
    std::size_t columns_ = 0;
    std::size_t rows_ = 0;
    std::size_t column_ = 0;
    std::size_t row_ = 0;
    std::size_t stride_ = 0;
    std::span<std::uint16_t> cells_;
    std::span<std::uint32_t> pixels_;
};

constinit Screen screen;

}  // namespace

void initialise_screen(BootInfo const& info) {
    if (info.framebuffer) {
        screen.use_framebuffer(*info.framebuffer);
    } else if (info.text_mode) {
        screen.use_vga_text();
    }
}

void screen_write(std::string_view text) {
    for (char const c : text) {
        screen.put(c);
    }
}

}  // namespace quarry::x86
