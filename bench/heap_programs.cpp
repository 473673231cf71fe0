// Programs that live from their heap, one for each habit: `heap_programs NAME [THREADS]`. They are timed
// under LD_PRELOAD by tools/bench_heap.py, with this project's heap and with others.
#include <algorithm>
#include <array>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace {

using Random = std::minstd_rand;

// Small blocks mostly, as programs ask for them: of a few words, now and then of many.
std::size_t usual_size(Random& random) {
    auto const kind = random() % 100;
    if (kind < 70) {
        return 8 + random() % 120;
    }
    return kind < 97 ? 128 + random() % 900 : 1024 + random() % 15'000;
}

void touch(void* block, std::size_t bytes) {
    auto* const words = static_cast<char*>(block);
    for (std::size_t i = 0; i < bytes; i += 64) {
        words[i] = 1;
    }
}
void* allocate(std::size_t bytes) {
    void* const block = std::malloc(bytes);
    if (block == nullptr) {
        std::abort();
    }
    touch(block, bytes);
    return block;
}

void in_threads(unsigned threads, std::function<void(unsigned)> const& work) {
    std::vector<std::thread> all;
    for (unsigned id = 0; id < threads; ++id) {
        all.emplace_back(work, id);
    }
    for (auto& thread : all) {
        thread.join();
    }
}

// A server: requests replace each other at random, and connections pass to other threads, which free
// what the first ones made (P. Larson and M. Krishnan, "Memory allocation for long-running server
// applications", ISMM 1998).
void server(unsigned threads) {
    constexpr std::size_t slots = 2000;
    in_threads(threads, [](unsigned id) {
        std::vector<void*> blocks(slots);
        for (unsigned connection = 0; connection < 400; ++connection) {
            std::thread([&blocks, id, connection] {
                Random random(id * 1000 + connection + 1);
                for (int request = 0; request < 80'000; ++request) {
                    auto& block = blocks[random() % slots];
                    std::free(block);
                    block = allocate(8 + random() % 500);
                }
            }).join();
        }
        for (auto* const block : blocks) {
            std::free(block);
        }
    });
}

// Producers allocate, consumers free, from when the queue was first full: so every heap's memory is that of a full
// queue, however fast its producers are.
void queue(unsigned threads) {
    constexpr std::size_t most_waiting = 32;
    struct Batches {
        std::mutex mutex;
        std::condition_variable changed;
        std::deque<std::vector<void*>> waiting;
        unsigned producers = 0;
        bool was_full = false;
    } batches;
    auto const pairs = std::max(1u, threads / 2);
    batches.producers = pairs;
    in_threads(2 * pairs, [&](unsigned id) {
        if (id < pairs) {
            Random random(id + 1);
            for (int round = 0; round < 40'000; ++round) {
                std::vector<void*> batch(256);
                for (auto& block : batch) {
                    block = allocate(16 + random() % 240);
                }
                std::unique_lock lock(batches.mutex);
                batches.changed.wait(lock, [&] { return batches.waiting.size() < most_waiting; });
                batches.waiting.push_back(std::move(batch));
                batches.was_full = batches.was_full || batches.waiting.size() == most_waiting;
                batches.changed.notify_all();
            }
            std::lock_guard const guard(batches.mutex);
            --batches.producers;
            batches.changed.notify_all();
            return;
        }
        for (;;) {
            std::vector<void*> batch;
            {
                std::unique_lock lock(batches.mutex);
                batches.changed.wait(lock, [&] {
                    return (batches.was_full && !batches.waiting.empty()) || batches.producers == 0;
                });
                if (batches.waiting.empty()) {
                    return;
                }
                batch = std::move(batches.waiting.front());
                batches.waiting.pop_front();
                batches.changed.notify_all();
            }
            for (auto* const block : batch) {
                std::free(block);
            }
        }
    });
}

// Random lives and sizes.
void stress(unsigned threads) {
    in_threads(threads, [](unsigned id) {
        Random random(id + 1);
        std::vector<void*> blocks(20'000);
        for (int i = 0; i < 17'000'000; ++i) {
            auto& block = blocks[random() % blocks.size()];
            std::free(block);
            block = random() % 8 == 0 ? nullptr : allocate(usual_size(random));
        }
        for (auto* const block : blocks) {
            std::free(block);
        }
    });
}

// Blocks change among so many that each is in no cache when its turn comes.
void wide(unsigned threads) {
    in_threads(threads, [](unsigned id) {
        Random random(id + 1);
        std::vector<void*> blocks(400'000);
        for (int i = 0; i < 8'000'000; ++i) {
            auto& block = blocks[random() % blocks.size()];
            std::free(block);
            block = allocate(8 + random() % 192);
        }
        for (auto* const block : blocks) {
            std::free(block);
        }
    });
}

// Numbers of a few words, made and dropped by every operation.
void numbers(unsigned threads) {
    using Number = std::unique_ptr<std::vector<std::uint32_t>>;
    auto const multiplied = [](std::vector<std::uint32_t> const& a, std::uint32_t b) {
        auto product = std::make_unique<std::vector<std::uint32_t>>();
        std::uint64_t carry = 0;
        for (auto const digit : a) {
            carry += std::uint64_t{digit} * b;
            product->push_back(static_cast<std::uint32_t>(carry));
            carry >>= 32;
        }
        if (carry != 0) {
            product->push_back(static_cast<std::uint32_t>(carry));
        }
        return product;
    };
    in_threads(threads, [&](unsigned) {
        for (int round = 0; round < 420'000; ++round) {
            Number number = std::make_unique<std::vector<std::uint32_t>>(1, 3);
            for (std::uint32_t factor = 3; factor < 43; ++factor) {
                number = multiplied(*number, factor);
            }
        }
    });
}

void large(unsigned threads) {
    in_threads(threads, [](unsigned id) {
        Random random(id + 1);
        std::vector<void*> blocks(20);
        for (int i = 0; i < 18'000; ++i) {
            auto& block = blocks[random() % blocks.size()];
            std::free(block);
            auto const bytes = (std::size_t{32} << 10) + random() % (std::size_t{2} << 20);
            block = std::malloc(bytes);
            std::memset(block, i, bytes);
        }
        for (auto* const block : blocks) {
            std::free(block);
        }
    });
}

// A document: nodes with names, attributes and children, built, changed and dropped.
struct Node {
    std::string name;
    std::map<std::string, std::string> attributes;
    std::vector<std::unique_ptr<Node>> children;
};
std::unique_ptr<Node> make_tree(Random& random, int depth) {
    auto node = std::make_unique<Node>();
    node->name = std::string(5 + random() % 30, 'n');
    for (unsigned i = random() % 4; i != 0; --i) {
        node->attributes["key" + std::to_string(random() % 100)] = std::string(random() % 60, 'v');
    }
    if (depth != 0) {
        for (unsigned i = 3 + random() % 4; i != 0; --i) {
            node->children.push_back(make_tree(random, depth - 1));
        }
    }
    return node;
}
void tree(unsigned threads) {
    in_threads(threads, [](unsigned id) {
        Random random(id + 1);
        for (int document = 0; document < 280; ++document) {
            auto root = make_tree(random, 6);
            for (auto& child : root->children) {
                child = make_tree(random, 4);
            }
        }
    });
}

void growth(unsigned threads) {
    in_threads(threads, [](unsigned) {
        for (int round = 0; round < 50; ++round) {
            std::vector<std::uint64_t> numbers;
            std::string text;
            for (std::uint64_t i = 0; i < 1'500'000; ++i) {
                numbers.push_back(i);
            }
            for (int i = 0; i < 3'000'000; ++i) {
                text.push_back('x');
            }
            void* block = nullptr;
            for (std::size_t bytes = 100; bytes < 20'000'000; bytes += bytes / 4) {
                block = std::realloc(block, bytes);
                static_cast<char*>(block)[bytes - 1] = 1;
            }
            std::free(block);
        }
    });
}

// Many blocks of each size: what a block takes beyond what was asked.
void density(unsigned) {
    for (std::size_t bytes = 8; bytes <= 32'768; bytes += std::max<std::size_t>(8, bytes / 14)) {
        std::vector<void*> blocks(40'000'000 / bytes);
        for (auto& block : blocks) {
            block = allocate(bytes);
        }
        for (auto* const block : blocks) {
            std::free(block);
        }
    }
}

// A pair that no compiler leaves out.
void allocate_and_free(std::size_t bytes) {
    void* block = allocate(bytes);
    asm volatile("" : "+r"(block) : : "memory");
    std::free(block);
}
void once(unsigned) { allocate_and_free(100); }

// All that a program had is freed, and it goes on with little, until what a heap keeps for a while should be back.
void afterwards(unsigned) {
    {
        Random random(7);
        std::vector<void*> blocks;
        for (std::size_t held = 0; held < 160'000'000;) {
            auto const bytes = usual_size(random);
            blocks.push_back(allocate(bytes));
            held += bytes;
        }
        std::shuffle(blocks.begin(), blocks.end(), random);
        for (auto* const block : blocks) {
            std::free(block);
        }
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(1100));
    for (int i = 0; i < 2048; ++i) {
        allocate_and_free(8 + static_cast<std::size_t>(i) % 500);
    }
}

// A phase ends, few of its blocks survive, and the next one asks for other sizes.
void phases(unsigned) {
    Random random(7);
    std::vector<void*> survivors;
    for (int phase = 0; phase < 20; ++phase) {
        std::vector<void*> blocks;
        auto const shift = static_cast<std::size_t>(phase) * 40;
        for (std::size_t held = 0; held < 100'000'000;) {
            auto const bytes = shift + usual_size(random);
            blocks.push_back(allocate(bytes));
            held += bytes;
        }
        std::shuffle(blocks.begin(), blocks.end(), random);
        for (std::size_t i = 0; i < blocks.size(); ++i) {
            if (i % 20 == 0) {
                survivors.push_back(blocks[i]);
            } else {
                std::free(blocks[i]);
            }
        }
    }
    for (auto* const block : survivors) {
        std::free(block);
    }
}

struct Program {
    std::string_view name;
    void (*run)(unsigned threads);
};
constexpr std::array programs = {
    Program{"server", server},   Program{"queue", queue},     Program{"stress", stress},
    Program{"numbers", numbers}, Program{"large", large},     Program{"tree", tree},
    Program{"growth", growth},   Program{"density", density}, Program{"once", once},
    Program{"phases", phases},   Program{"wide", wide},       Program{"afterwards", afterwards},
};

}  // namespace

int main(int count, char** arguments) {
    std::string_view const wanted = count > 1 ? arguments[1] : "";
    auto const threads =
        count > 2 ? static_cast<unsigned>(std::strtoul(arguments[2], nullptr, 10)) : 1;
    for (auto const& [name, run] : programs) {
        if (name == wanted) {
            run(threads);
            return 0;
        }
    }
    std::fputs("heap_programs NAME [THREADS]; names:", stderr);
    for (auto const& program : programs) {
        std::fprintf(stderr, " %s", program.name.data());
    }
    std::fputs("\n", stderr);
    return 1;
}
