#include "servers/linux/content.hpp"

#include "servers/linux/reserve.hpp"

#include "user/rt/call.hpp"

#include <algorithm>
#include <cstring>
#include <utility>
#include <vector>

namespace quarry::server {
namespace {

constexpr std::uint64_t page_bytes = abi::page_bytes;
constexpr std::uint64_t files_base = 0x3000'0000'0000;

// Places for pages, of which a file need not have neighbours.
constinit std::uint64_t next_place = files_base;
constinit std::uint64_t all_file_pages = 0;
std::vector<std::uint64_t>& free_places() {
    static std::vector<std::uint64_t> places;
    return places;
}

std::uint64_t take_place() {
    auto& places = free_places();
    if (places.empty()) {
        return std::exchange(next_place, next_place + page_bytes);
    }
    auto const place = places.back();
    places.pop_back();
    return place;
}

std::byte* at(std::uint64_t address) { return reinterpret_cast<std::byte*>(address); }

}  // namespace

std::uint64_t file_pages() { return all_file_pages; }

Content::Content(Content&& other) noexcept
    : borrowed_(std::exchange(other.borrowed_, {})),
      bytes_(std::exchange(other.bytes_, 0)),
      pages_(std::exchange(other.pages_, {})) {}

Content& Content::operator=(Content&& other) noexcept {
    std::swap(borrowed_, other.borrowed_);
    std::swap(bytes_, other.bytes_);
    std::swap(pages_, other.pages_);
    return *this;
}

Content::~Content() { drop_pages(0); }

void Content::drop_pages(std::uint64_t from) {
    auto const first = pages_.lower_bound(from);
    for (auto page = first; page != pages_.end(); ++page) {
        --all_file_pages;
        (void)page_unmap(own_space, {page->second, 1});
        free_places().push_back(page->second);
    }
    pages_.erase(first, pages_.end());
}

std::uint64_t Content::make_page(std::uint64_t number) {
    auto const found = pages_.find(number);
    if (found != pages_.end()) {
        return found->second;
    }
    constexpr std::uint64_t looks_every = 16;
    if (all_file_pages >= most_file_pages() ||
        (all_file_pages % looks_every == 0 && memory_is_short())) {
        return 0;
    }
    auto const place = take_place();
    if (!page_alloc(own_space, {place, 1}, abi::permission::write | abi::permission::may_execute)) {
        free_places().push_back(place);
        return 0;
    }
    ++all_file_pages;
    pages_.emplace_hint(pages_.end(), number, place);
    return place;
}

bool Content::own_pages() {
    auto const from = std::exchange(borrowed_, {});
    if (from.empty()) {
        return true;
    }
    auto const bytes = std::exchange(bytes_, 0);
    if (!write(0, from)) {
        drop_pages(0);
        borrowed_ = from;
        bytes_ = bytes;
        return false;
    }
    return true;
}

std::size_t Content::read(std::uint64_t offset, std::span<std::byte> to) const {
    if (offset >= bytes_) {
        return 0;
    }
    auto const count = std::min<std::uint64_t>(to.size(), bytes_ - offset);
    if (!borrowed_.empty()) {
        std::memcpy(to.data(), borrowed_.data() + offset, count);
        return count;
    }
    auto page = pages_.lower_bound(offset / page_bytes);
    for (std::uint64_t done = 0; done < count;) {
        auto const in_page = (offset + done) % page_bytes;
        auto const part = std::min(count - done, page_bytes - in_page);
        if (page != pages_.end() && page->first == (offset + done) / page_bytes) {
            std::memcpy(to.data() + done, at(page->second) + in_page, part);
            ++page;
        } else {
            std::memset(to.data() + done, 0, part);
        }
        done += part;
    }
    return count;
}

bool Content::write(std::uint64_t offset, Bytes from) {
    if (!own_pages()) {
        return false;
    }
    for (std::uint64_t done = 0; done < from.size();) {
        auto const in_page = (offset + done) % page_bytes;
        auto const part = std::min(from.size() - done, page_bytes - in_page);
        auto const page = make_page((offset + done) / page_bytes);
        if (page == 0) {
            return false;
        }
        std::memcpy(at(page) + in_page, from.data() + done, part);
        done += part;
    }
    bytes_ = std::max(bytes_, offset + from.size());
    return true;
}

bool Content::resize(std::uint64_t bytes) {
    if (!own_pages()) {
        return false;
    }
    if (bytes < bytes_) {
        auto const pages = (bytes + page_bytes - 1) / page_bytes;
        drop_pages(pages);
        auto const last = pages_.find(bytes / page_bytes);
        if (bytes % page_bytes != 0 && last != pages_.end()) {
            std::memset(at(last->second) + bytes % page_bytes, 0, page_bytes - bytes % page_bytes);
        }
    }
    bytes_ = bytes;
    return true;
}

std::optional<std::uint64_t> Content::lend(std::uint64_t first_page, std::uint64_t pages,
                                           abi::SpaceId space, std::uint64_t address,
                                           abi::Permissions permissions) {
    auto const end = (bytes_ + page_bytes - 1) / page_bytes;
    if (first_page >= end) {
        return 0;
    }
    if (!own_pages()) {
        return std::nullopt;
    }
    auto const count = std::min(pages, end - first_page);
    std::uint64_t done = 0;
    while (done < count) {
        auto const from = make_page(first_page + done);
        if (from == 0) {
            return done == 0 ? std::nullopt : std::optional{done};
        }
        std::uint64_t run = 1;
        while (done + run < count &&
               make_page(first_page + done + run) == from + run * page_bytes) {
            ++run;
        }
        abi::MapMode const mode{permissions, abi::page_option::lend | abi::page_option::if_absent};
        auto const mapped =
            page_map(own_space, {from, run}, space, {address + done * page_bytes}, mode);
        if (!mapped && mapped.error() != Error::already_mapped) {
            return done == 0 ? std::nullopt : std::optional{done};
        }
        done += run;
    }
    return done;
}

}  // namespace quarry::server
