// The C++ library in use: exceptions, threads, files, streams, containers, time. Prints what a program
// on Linux prints, whichever library it is linked with.
#include <algorithm>
#include <any>
#include <array>
#include <atomic>
#include <barrier>
#include <bitset>
#include <charconv>
#include <chrono>
#include <complex>
#include <condition_variable>
#include <deque>
#include <exception>
#include <filesystem>
#include <forward_list>
#include <fstream>
#include <functional>
#include <future>
#include <iomanip>
#include <iostream>
#include <latch>
#include <list>
#include <locale>
#include <map>
#include <memory>
#include <memory_resource>
#include <mutex>
#include <numeric>
#include <optional>
#include <queue>
#include <random>
#include <regex>
#include <semaphore>
#include <set>
#include <shared_mutex>
#include <span>
#include <sstream>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <tuple>
#include <typeindex>
#include <unordered_map>
#include <utility>
#include <valarray>
#include <variant>
#include <vector>

namespace {

struct Static {
    Static() { std::cout << "constructed\n"; }
    ~Static() { std::cout << "destroyed\n"; }
} const object;

struct Base {
    virtual ~Base() = default;
    virtual int value() const { return 1; }
};
struct Derived : Base {
    int value() const override { return 2; }
};

void exceptions() {
    try {
        throw std::runtime_error("thrown");
    } catch (std::exception const& caught) {
        std::cout << caught.what() << '\n';
    }
    try {
        (void)std::vector<int>{}.at(3);
    } catch (std::out_of_range const&) {
        std::cout << "out of range\n";
    }
    try {
        try {
            throw 1;
        } catch (int) {
            std::throw_with_nested(std::logic_error("outer"));
        }
    } catch (std::logic_error const& outer) {
        try {
            std::rethrow_if_nested(outer);
        } catch (int inner) {
            std::cout << outer.what() << ' ' << inner << '\n';
        }
    }
    try {
        std::vector<char> large;
        large.reserve(large.max_size());
        std::cout << "reserved\n";
    } catch (std::bad_alloc const&) {
        std::cout << "bad_alloc\n";
    } catch (std::length_error const&) {
        std::cout << "length_error\n";
    }
}

void types() {
    std::unique_ptr<Base> const base = std::make_unique<Derived>();
    std::cout << base->value() << ' ' << (dynamic_cast<Derived*>(base.get()) != nullptr) << ' '
              << (typeid(*base) == typeid(Derived)) << '\n';
    std::any any = 5;
    std::variant<int, std::string> variant = "text";
    std::cout << std::any_cast<int>(any) << std::get<std::string>(variant) << '\n';
    auto const shared = std::make_shared<int>(7);
    std::weak_ptr<int> const weak = shared;
    std::cout << weak.use_count() << *weak.lock() << '\n';
}

thread_local int local = 1;

void threads() {
    std::atomic<int> sum = 0;
    std::vector<std::thread> all;
    for (int i = 0; i < 8; ++i) {
        all.emplace_back([&, i] {
            local += i;
            for (int k = 0; k < 1000; ++k) {
                sum += local - i;
            }
        });
    }
    for (auto& each : all) {
        each.join();
    }
    std::cout << sum << ' ' << local << '\n';

    std::mutex mutex;
    std::condition_variable changed;
    std::queue<int> queue;
    int received = 0;
    std::thread consumer([&] {
        for (int i = 0; i < 100; ++i) {
            std::unique_lock lock(mutex);
            changed.wait(lock, [&] { return !queue.empty(); });
            received += queue.front();
            queue.pop();
        }
    });
    for (int i = 0; i < 100; ++i) {
        {
            std::lock_guard const lock(mutex);
            queue.push(i);
        }
        changed.notify_one();
    }
    consumer.join();
    std::cout << received << '\n';

    auto future = std::async(std::launch::async, [] { return 42; });
    std::promise<std::string> promise;
    std::thread giver([&] { promise.set_value("promised"); });
    std::cout << future.get() << promise.get_future().get() << '\n';
    giver.join();

    std::atomic<int> flag = 0;
    std::thread waiter([&] {
        flag.wait(0);
        flag = 2;
        flag.notify_all();
    });
    flag = 1;
    flag.notify_one();
    waiter.join();
    std::cout << flag << '\n';

    std::latch latch(2);
    std::barrier barrier(2);
    std::counting_semaphore<4> semaphore(0);
    std::thread other([&] {
        latch.count_down();
        barrier.arrive_and_wait();
        semaphore.release();
    });
    latch.arrive_and_wait();
    barrier.arrive_and_wait();
    semaphore.acquire();
    other.join();

    std::shared_mutex shared;
    {
        std::shared_lock const one(shared);
        std::shared_lock const two(shared);
    }
    std::unique_lock const three(shared);
    std::once_flag once;
    for (int i = 0; i < 3; ++i) {
        std::call_once(once, [] { std::cout << "once\n"; });
    }
    std::timed_mutex timed;
    timed.lock();
    std::thread trier(
        [&] { std::cout << timed.try_lock_for(std::chrono::milliseconds(2)) << '\n'; });
    trier.join();
    timed.unlock();
}

void files() {
    namespace fs = std::filesystem;
    fs::path const folder = fs::temp_directory_path() / "cpp_library";
    fs::remove_all(folder);
    fs::create_directories(folder / "a" / "b");
    {
        std::ofstream out(folder / "a" / "text");
        out << "line one\nline two\n";
    }
    std::ifstream in(folder / "a" / "text");
    std::string line;
    while (std::getline(in, line)) {
        std::cout << line << '\n';
    }
    fs::copy_file(folder / "a" / "text", folder / "copy");
    fs::rename(folder / "copy", folder / "moved");
    fs::create_symlink("moved", folder / "link");
    std::vector<std::string> names;
    for (auto const& entry : fs::recursive_directory_iterator(folder)) {
        names.push_back(fs::relative(entry.path(), folder).string());
    }
    std::ranges::sort(names);
    for (auto const& name : names) {
        std::cout << name << '\n';
    }
    std::cout << fs::file_size(folder / "link") << fs::is_symlink(folder / "link")
              << fs::exists(folder / "none") << fs::read_symlink(folder / "link") << '\n';
    fs::resize_file(folder / "moved", 4);
    std::cout << fs::file_size(folder / "moved") << ' ' << fs::remove_all(folder) << '\n';
    std::error_code error;
    (void)fs::file_size(folder, error);
    std::cout << (error == std::errc::no_such_file_or_directory) << '\n';
}

void texts() {
    std::ostringstream out;
    out << std::hex << 255 << ' ' << std::setprecision(3) << 3.14159 << ' ' << std::setw(5)
        << std::setfill('*') << std::dec << 42 << ' ' << std::boolalpha << true;
    std::cout << out.str() << '\n';
    std::istringstream in("12 3.5 word");
    int number = 0;
    double real = 0;
    std::string word;
    in >> number >> real >> word;
    std::cout << number << ' ' << real << ' ' << word << '\n';
    std::regex const pattern("(\\w+)@(\\w+)\\.com");
    std::smatch match;
    std::string const mail = "write to someone@example.com now";
    std::cout << std::regex_search(mail, match, pattern) << match[1] << match[2] << '\n';
    std::array<char, 16> digits{};
    auto const end = std::to_chars(digits.data(), digits.data() + digits.size(), 12345).ptr;
    std::cout << std::string(digits.data(), end) << std::stod("2.25") << '\n';
    std::cout << std::locale::classic().name() << '\n';
}

void containers() {
    std::map<std::string, int> map{{"b", 2}, {"a", 1}};
    std::unordered_map<int, int> squares;
    for (int i = 0; i < 1000; ++i) {
        squares[i] = i * i;
    }
    std::vector<int> numbers(100);
    std::iota(numbers.begin(), numbers.end(), 0);
    std::mt19937 engine(1);
    std::shuffle(numbers.begin(), numbers.end(), engine);
    std::ranges::sort(numbers, std::greater<>{});
    std::cout << map.begin()->first << squares[999] << numbers.front() << '\n';
    std::byte buffer[4096];
    std::pmr::monotonic_buffer_resource resource(buffer, sizeof(buffer));
    std::pmr::vector<std::pmr::string> strings(&resource);
    for (int i = 0; i < 20; ++i) {
        strings.emplace_back("a string that is long enough not to be short");
    }
    std::cout << strings.size() << '\n';
    std::valarray<double> const values{1, 2, 3};
    std::cout << values.sum() << std::bitset<4>(5) << std::complex<double>(1, 2) * 2.0 << '\n';
}

void times() {
    using namespace std::chrono;
    auto const begin = steady_clock::now();
    std::this_thread::sleep_for(milliseconds(3));
    std::cout << (steady_clock::now() - begin >= milliseconds(3)) << '\n';
    std::cout << (system_clock::now().time_since_epoch() > hours(24 * 365 * 40)) << '\n';
}

}  // namespace

int main() {
    std::ios::sync_with_stdio(false);
    exceptions();
    types();
    threads();
    files();
    texts();
    containers();
    times();
    std::cout << "done" << std::endl;
    return 7;
}
