// Writes docs/calls.md from the declarations of the native calls.
#include "abi/calls.hpp"

#include <cstdio>
#include <string>

namespace {

using namespace quarry::abi;

template <typename T>
constexpr char const* type_name = "word";
template <>
constexpr char const* type_name<SpaceId> = "space";
template <>
constexpr char const* type_name<EnvId> = "environment";
template <>
constexpr char const* type_name<PagesSpaceId> = "space (or one that the caller has a window of)";
template <>
constexpr char const* type_name<PeerSpaceId> = "any space";
template <>
constexpr char const* type_name<WindowRange> = "pages (address, count), any number";
template <>
constexpr char const* type_name<PageRange> = "pages (address, count)";
template <>
constexpr char const* type_name<PageAddress> = "page address";
template <>
constexpr char const* type_name<UserAddress> = "user address";
template <>
constexpr char const* type_name<InBuffer> = "bytes to read (address, count)";
template <>
constexpr char const* type_name<OutBuffer> = "bytes to write (address, count)";
template <>
constexpr char const* type_name<In<Frame>> = "address of a Frame to read";
template <>
constexpr char const* type_name<Out<EnvStatus>> = "address of an EnvStatus to write";
template <>
constexpr char const* type_name<Out<AccountStatus>> = "address of an AccountStatus to write";
template <std::uint64_t Allowed>
constexpr char const* type_name<PageMode<Allowed>> = "permissions and options";
template <>
constexpr char const* type_name<ShareMode> =
    "`keep` as permissions, `mark` as their tag, `spare` three bits above it";
template <>
constexpr char const* type_name<void> = "nothing";

constexpr char const* registers[] = {"rdi", "rsi", "rdx", "r10", "r8", "r9"};

std::string text(std::string_view view) { return std::string(view); }

template <typename Call>
void write() {
    std::printf("## %s\n\n`rax` = `0x%llx`. %s\n\n", text(Call::name).c_str(),
                static_cast<unsigned long long>(Call::number), text(Call::doc).c_str());
    std::size_t used = 0;
    Call::Arguments::each([&]<typename T>(std::string_view name) {
        std::printf("* `%s` in `%s`", text(name).c_str(), registers[used]);
        for (std::size_t i = 1; i < Codec<T>::words; ++i) {
            std::printf(", `%s`", registers[used + i]);
        }
        std::printf(": %s\n", type_name<T>);
        used += Codec<T>::words;
    });
    std::printf("* returns: %s\n", type_name<typename Call::Value>);
    std::printf("* errors:");
    if constexpr (Call::Fails::list.empty()) {
        std::printf(" none");
    } else {
        char const* separator = " ";
        for (auto const error : Call::Fails::list) {
            std::printf("%s`%s` (%d)", separator, text(name_of(error)).c_str(),
                        -static_cast<int>(error));
            separator = ", ";
        }
    }
    std::printf("\n\n");
}

}  // namespace

int main() {
    std::printf(
        "# The native calls\n\n"
        "Written from `abi/calls.hpp` by `tools/call_reference.sh`; a test compares the two, so a "
        "change of the\nbinary interface shows in review.\n\n"
        "A call is made with `syscall`: its number in `rax`, arguments in `rdi rsi rdx r10 r8 r9`. "
        "`rax` returns a\nvalue, or an error as a negative number. `rbx rbp rsp r12` to `r15` are "
        "preserved; every other register\nreturns without meaning. Space or environment 0 is the "
        "caller's own. A page range has 1 to 512 pages and\nhappens whole or not at all.\n\n");
    AllCalls::each([]<typename Call>() { write<Call>(); });
    return 0;
}
