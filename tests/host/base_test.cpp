// base/: text formatting, archives, addresses.
#include "base/address.hpp"
#include "base/cpio.hpp"
#include "base/format.hpp"
#include "base/intrusive_list.hpp"

#include <gtest/gtest.h>

#include <random>
#include <string>

namespace quarry {
namespace {

template <typename... Args>
std::string text(FormatString<std::type_identity_t<Args>...> format, Args const&... args) {
    std::string out;
    auto write = [&](std::string_view piece) { out += piece; };
    format_to(write, format, args...);
    return out;
}

TEST(Format, PrintsNumbersTextAndAddresses) {
    EXPECT_EQ(text("{} {} {}", 1, -2, "three"), "1 -2 three");
    EXPECT_EQ(text("{:x} {:08x} {:4}|{:<4}|", 255u, 255u, 7, 7), "ff 000000ff    7|7   |");
    EXPECT_EQ(text("{}", UserAddr{0x1000}), "0x1000");
    EXPECT_EQ(text("{} {}", true, Error::not_found), "true not_found");
    EXPECT_EQ(text("no braces"), "no braces");
    EXPECT_EQ(text("{}", ~std::uint64_t{0}), "18446744073709551615");
}

TEST(Address, AdditionThatWrapsIsAnError) {
    EXPECT_EQ(UserAddr{0x1000}.checked_add(0x10)->raw(), 0x1010u);
    EXPECT_EQ(UserAddr{~std::uint64_t{0}}.checked_add(1).error(), Error::bad_address);
}

std::string field(std::size_t value) {
    std::string digits = "00000000";
    for (std::size_t i = 8; i-- > 0; value >>= 4) {
        digits[i] = "0123456789abcdef"[value & 15];
    }
    return digits;
}

std::string entry(std::string const& name, std::string const& data) {
    std::string out = "070701";
    for (std::size_t i = 0; i < 13; ++i) {
        out += field(i == 6 ? data.size() : i == 11 ? name.size() + 1 : 0);
    }
    out += name;
    out += '\0';
    out.resize((out.size() + 3) & ~std::size_t{3});
    out += data;
    out.resize((out.size() + 3) & ~std::size_t{3});
    return out;
}

TEST(Archive, FindsFilesByName) {
    auto const bytes =
        entry("a", "first") + entry("b", "") + entry("c", "third file") + entry("TRAILER!!!", "");
    Archive const archive{as_bytes(bytes)};
    EXPECT_EQ(as_text(*archive.find("a")), "first");
    EXPECT_TRUE(archive.find("b")->empty());
    EXPECT_EQ(as_text(*archive.find("c")), "third file");
    EXPECT_FALSE(archive.find("TRAILER!!!"));
    EXPECT_FALSE(archive.find("d"));
}

TEST(Archive, MalformedOnesEndEarlyAndStayInBounds) {
    auto const whole = entry("name", std::string(300, 'x')) + entry("other", "y");
    std::mt19937 random(1);
    for (int round = 0; round < 20'000; ++round) {
        auto bytes = whole.substr(0, random() % (whole.size() + 1));
        for (int i = 0; i < 3 && !bytes.empty(); ++i) {
            bytes[random() % bytes.size()] = "0123456789abcdefF\xff"[random() % 18];
        }
        Archive archive{as_bytes(bytes)};
        int files = 0;
        while (auto const file = archive.next()) {
            ASSERT_LE(file->data.size(), bytes.size());
            ASSERT_LT(++files, 100);
        }
    }
}

struct Node {
    int value = 0;
    ListLink<Node> link;
};

TEST(IntrusiveList, KeepsOrderAndRemovesAnywhere) {
    IntrusiveList<Node, &Node::link> list;
    Node a{1, {}};
    Node b{2, {}};
    Node c{3, {}};
    list.push_back(a);
    list.push_back(b);
    list.push_front(c);
    list.remove(a);
    EXPECT_EQ(list.pop_front(), &c);
    EXPECT_EQ(list.pop_front(), &b);
    EXPECT_EQ(list.pop_front(), nullptr);
}

}  // namespace
}  // namespace quarry
