// Program images: good ones load, mutated ones are refused or load, and nothing is lost either way.
#include "base/elf.hpp"
#include "abi/start.hpp"
#include "kernel/loader.hpp"
#include "kernel/symbols.hpp"
#include "tests/host/machine_fixture.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <fstream>
#include <iterator>
#include <random>
#include <string>

namespace quarry {
namespace {

std::string read_file(char const* path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

std::string hello() { return read_file(QUARRY_HELLO); }

TEST(Elf, ARealProgramParses) {
    auto const bytes = hello();
    auto const image = ElfImage::parse(as_bytes(bytes));
    ASSERT_TRUE(image.has_value());
    EXPECT_GE(image->segments().size(), 2u);
    EXPECT_GE(image->entry().raw(), abi::program_base);
}

TEST(Elf, EveryPrefixIsRefusedOrParses) {
    auto const bytes = hello();
    for (std::size_t length = 0; length < 4096; length += 7) {
        (void)ElfImage::parse(as_bytes(std::string_view(bytes).substr(0, length)));
    }
    EXPECT_EQ(ElfImage::parse({}).error(), Error::bad_image);
}

// Mutations of the headers, where lengths and addresses are. What parses keeps the promises of the
// type.
TEST(Elf, MutatedHeadersNeverBreakThePlan) {
    auto const whole = hello();
    std::mt19937_64 random(3);
    unsigned parsed = 0;
    for (int round = 0; round < 30'000; ++round) {
        auto bytes = whole;
        for (int i = 0; i < 2; ++i) {
            auto const value = random() % 4 == 0 ? random() : std::uint64_t{1} << random() % 64;
            auto const at = random() % 360;
            std::memcpy(bytes.data() + at, &value, 1 + random() % 8);
        }
        auto const image = ElfImage::parse(as_bytes(bytes));
        if (!image) {
            continue;
        }
        ++parsed;
        UserPage lowest;
        for (auto const& segment : image->segments()) {
            ASSERT_GE(segment.first, lowest);
            lowest = segment.first.plus(segment.pages);
            ASSERT_LE(lowest.start().raw(), abi::native_user_top);
            ASSERT_LE(segment.offset_in_page + segment.bytes.size(), segment.pages * page_bytes);
            ASSERT_FALSE(segment.writable && segment.executable);
        }
    }
    EXPECT_GT(parsed, 100u);
}

TEST(Elf, SymbolsAreFoundAndMalformedTablesAreNot) {
    auto const bytes = hello();
    auto const image = ElfImage::parse(as_bytes(bytes));
    EXPECT_TRUE(find_symbol(as_bytes(bytes), image->entry().raw() + 0x100).has_value());
    EXPECT_FALSE(find_symbol(as_bytes(bytes), 0).has_value());
    std::mt19937_64 random(4);
    for (int round = 0; round < 2'000; ++round) {
        auto mutated = bytes;
        for (int i = 0; i < 4; ++i) {
            auto const tail = mutated.size() - 1 - random() % 4096;
            mutated[random() % 2 == 0 ? tail : 40 + random() % 24] = static_cast<char>(random());
        }
        (void)find_symbol(as_bytes(mutated), 0x400100);
    }
}

std::string archive_with(std::string const& program) {
    std::string out;
    auto const add = [&](std::string const& name, std::string const& data) {
        char header[111];
        std::snprintf(header, sizeof(header),
                      "070701%08x%08x%08x%08x%08x%08x%08zx%08x%08x%08x%08x%08zx%08x", 0, 0, 0, 0, 0,
                      0, data.size(), 0, 0, 0, 0, name.size() + 1, 0);
        out += header + name + '\0';
        out.resize((out.size() + 3) & ~std::size_t{3});
        out += data;
        out.resize((out.size() + 3) & ~std::size_t{3});
    };
    add("program", program);
    add("TRAILER!!!", "");
    return out;
}

// Puts the archive where boot would: in frames that the allocator does not have.
Result<void> load(test::TestMachine& machine, std::string const& archive) {
    constexpr auto first = PhysPage::numbered(16);
    auto const target = machine::host().arena.subspan(first.start().raw(), archive.size());
    std::memcpy(target.data(), archive.data(), archive.size());
    (void)machine;
    return load_first_program(the_kernel, {target, first}, "program one two");
}

TEST(Loader, AProgramStartsWithItsArguments) {
    test::TestMachine machine(1024);
    ASSERT_TRUE(load(machine, archive_with(hello())).has_value());
    the_kernel.reschedule();
    auto* const first = machine::state().entered;
    ASSERT_NE(first, nullptr);
    abi::Start start{};
    ASSERT_TRUE(
        machine::copy_in(std::as_writable_bytes(std::span(&start, 1)), UserAddr{first->saved.rdi}));
    std::string arguments(start.argument_bytes, ' ');
    ASSERT_TRUE(
        machine::copy_in(std::as_writable_bytes(std::span(arguments)), UserAddr{start.arguments}));
    EXPECT_EQ(arguments, std::string("program\0one\0two\0", 16));
}

TEST(Loader, MutatedProgramsAreRefusedOrLoad) {
    auto const whole = hello();
    std::mt19937_64 random(5);
    for (int round = 0; round < 300; ++round) {
        test::TestMachine machine(300);
        auto program = whole;
        for (int i = 0; i < 2; ++i) {
            auto const value = std::uint64_t{1} << random() % 64;
            std::memcpy(program.data() + random() % 360, &value, 1 + random() % 8);
        }
        (void)load(machine, archive_with(program));
        ASSERT_EQ(the_kernel.memory.free_frames() <= 300, true);
    }
}

TEST(Loader, AMissingProgramIsNotFound) {
    test::TestMachine machine(300);
    EXPECT_EQ(load(machine, archive_with("no program")).error(), Error::bad_image);
    EXPECT_EQ(load_first_program(the_kernel, {}, "nothing").error(), Error::not_found);
}

}  // namespace
}  // namespace quarry
