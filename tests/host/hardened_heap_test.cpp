// A hardened heap as an object: what lies behind a block's bytes, and that nothing of it is the program's.
#include "heap/hardened_heap.hpp"
#include "heap/heap.hpp"
#include "heap/sources/failing.hpp"
#include "heap/sources/mmap_source.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <random>
#include <string_view>

namespace slab {
namespace {

struct HardenedConfig : SingleConfig<Failing<MmapSource>> {
    static constexpr bool hardened = true;
};

class HardenedObject {
  public:
    HardenedObject() = default;
    HardenedObject(HardenedObject const&) = delete;
    HardenedObject& operator=(HardenedObject const&) = delete;
    ~HardenedObject() { arena_.release(); }

    unsigned char* allocate(std::size_t bytes) {
        return static_cast<unsigned char*>(heap_.allocate(arena_, bytes, Origin::malloc));
    }
    unsigned char* reallocate(void* block, std::size_t bytes) {
        return static_cast<unsigned char*>(heap_.reallocate(arena_, block, bytes));
    }
    // What the heap says to a free; nothing, if it is content.
    std::string_view free(void* block) {
        heap_.free(arena_, block, {.origin = Origin::malloc});
        return complaint();
    }
    std::string_view complaint() const { return complaint_ != nullptr ? complaint_ : ""; }

  private:
    static Failing<MmapSource> source(char const** complaint) {
        Failing<MmapSource> source;
        source.complaint = complaint;
        return source;
    }

    char const* complaint_ = nullptr;
    Arena<HardenedConfig> arena_{source(&complaint_)};
    HardenedHeap<HardenedConfig> heap_{1};
};

TEST(Hardened, AStringThatEndsOneByteTooFarIsFoundInEverySize) {
    for (std::size_t bytes = 0; bytes <= 2'000; ++bytes) {
        HardenedObject heap;
        ASSERT_EQ(heap.free(std::memset(heap.allocate(bytes), 'x', bytes)), "") << bytes;
        auto* const block = heap.allocate(bytes);
        std::memset(block, 'x', bytes);
        block[bytes] = '\0';
        ASSERT_EQ(heap.free(block), written_behind) << bytes;
    }
}

TEST(Hardened, WhatIsWrittenOverTheEndIsFoundHoweverLongItIs) {
    for (std::size_t bytes = 1; bytes <= 100; ++bytes) {
        for (std::size_t length = 1; length <= 32; ++length) {
            HardenedObject heap;
            auto* const block = heap.allocate(bytes);
            for (std::size_t i = 0; i < length; ++i) {
                block[bytes + i] ^= 1;
            }
            ASSERT_EQ(heap.free(block), written_behind) << bytes << "+" << length;
        }
    }
}

TEST(Hardened, ABlockKeepsItsContentsInEverySizeItIsGiven) {
    HardenedObject heap;
    std::mt19937_64 random(1);
    auto* block = heap.allocate(0);
    std::size_t bytes = 0;
    for (int i = 0; i < 50'000; ++i) {
        auto const wanted = random() % (i % 100 == 0 ? 3'000 : 80);
        block = heap.reallocate(block, wanted);
        for (std::size_t at = 0; at < std::min(bytes, wanted); ++at) {
            ASSERT_EQ(block[at], static_cast<unsigned char>(at + 1));
        }
        bytes = wanted;
        for (std::size_t at = 0; at < bytes; ++at) {
            block[at] = static_cast<unsigned char>(at + 1);
        }
        ASSERT_EQ(heap.complaint(), "");
    }
    EXPECT_EQ(heap.free(block), "");
}

}  // namespace
}  // namespace slab
