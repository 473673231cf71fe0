// An open-addressing hash table from words to counts (linear probing; FNV-1a).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

class WordTable {
  public:
    struct Entry {
        std::string word;
        std::uint64_t count = 0;
    };

    void add(std::string_view word) {
        if ((used_ + 1) * 4 > entries_.size() * 3) {
            grow();
        }
        auto& entry = find(word);
        if (entry.count++ == 0) {
            entry.word = word;
            ++used_;
        }
    }
    std::size_t size() const { return used_; }

    template <typename Visitor>
    void each(Visitor visitor) const {
        for (auto const& entry : entries_) {
            if (entry.count != 0) {
                visitor(entry);
            }
        }
    }

  private:
    static std::uint64_t hash(std::string_view word) {
        std::uint64_t value = 0xcbf29ce484222325;
        for (char const c : word) {
            value = (value ^ static_cast<unsigned char>(c)) * 0x100000001b3;
        }
        return value;
    }

    Entry& find(std::string_view word) {
        auto const mask = entries_.size() - 1;
        for (auto i = hash(word) & mask;; i = (i + 1) & mask) {
            if (entries_[i].count == 0 || entries_[i].word == word) {
                return entries_[i];
            }
        }
    }

    void grow() {
        auto old = std::move(entries_);
        entries_ = std::vector<Entry>(old.empty() ? 64 : old.size() * 2);
        for (auto& entry : old) {
            if (entry.count != 0) {
                find(entry.word) = std::move(entry);
            }
        }
    }

    std::vector<Entry> entries_;
    std::size_t used_ = 0;
};
