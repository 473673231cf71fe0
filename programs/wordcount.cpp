// Counts the words of a text in the boot archive: maximal runs of ASCII letters, lower-cased.
// Prints the twenty most frequent and what the heap holds; with --all instead every word, sorted,
// as `uniq -c` does.
#include "programs/word_table.hpp"
#include "user/rt/console.hpp"
#include "user/rt/malloc.hpp"
#include "user/rt/program.hpp"

#include <map>
#include <set>

namespace {

using quarry::print;

WordTable count_words(std::string_view text) {
    WordTable table;
    std::string word;
    for (char const c : text) {
        char const lower = static_cast<char>(c | 0x20);
        if (lower >= 'a' && lower <= 'z') {
            word += lower;
        } else if (!word.empty()) {
            table.add(word);
            word.clear();
        }
    }
    if (!word.empty()) {
        table.add(word);
    }
    return table;
}

void print_all(WordTable const& table) {
    std::map<std::string_view, std::uint64_t> sorted;
    table.each([&](WordTable::Entry const& entry) { sorted[entry.word] = entry.count; });
    quarry::PrintBuffer buffer;
    for (auto const& [word, count] : sorted) {
        quarry::format_to(buffer, "{:7} {}\n", count, word);
    }
}

void print_most_frequent(WordTable const& table) {
    struct MoreFrequent {
        bool operator()(WordTable::Entry const* a, WordTable::Entry const* b) const {
            return a->count != b->count ? a->count > b->count : a->word < b->word;
        }
    };
    std::set<WordTable::Entry const*, MoreFrequent> ranking;
    std::uint64_t total = 0;
    table.each([&](WordTable::Entry const& entry) {
        total += entry.count;
        ranking.insert(&entry);
    });
    print("{} words, {} different\n\n", total, table.size());
    unsigned shown = 0;
    for (auto const* entry : ranking) {
        if (shown++ == 20) {
            break;
        }
        print("{:8}  {}\n", entry->count, entry->word);
    }
}

}  // namespace

int main(int argument_count, char** arguments) {
    bool const all = argument_count > 1 && std::string_view{arguments[1]} == "--all";
    std::string_view const name = argument_count > (all ? 2 : 1) ? arguments[all ? 2 : 1] : "input";
    auto const text = quarry::find_file(name);
    if (!text) {
        print("wordcount: the boot archive has no file '{}'\n", name);
        return 1;
    }
    auto const table = count_words(quarry::as_text(*text));
    if (all) {
        print_all(table);
        return 0;
    }
    print("{}: {} bytes, ", name, text->size());
    print_most_frequent(table);
    print("\n");
    quarry::print_heap_statistics();
    return 0;
}
