// What travels through registers and buffers of a native call, as plain values. The kernel parses
// each into a type of its own that cannot be wrong; programs build them through these types.
#pragma once

#include "abi/layout.hpp"

#include <cstddef>
#include <cstdint>

namespace quarry::abi {

// Ids carry a slot and a generation that never wraps (48 bits). 0 means the caller's own.
struct SpaceId {
    std::uint64_t value = 0;
    friend bool operator==(SpaceId, SpaceId) = default;
};
struct EnvId {
    std::uint64_t value = 0;
    friend bool operator==(EnvId, EnvId) = default;
};
inline constexpr SpaceId own_space{};
inline constexpr EnvId own_env{};

// A space whose pages the caller may act on: its own, one it created, or within a window that it
// holds.
struct PagesSpaceId {
    std::uint64_t value = 0;
    PagesSpaceId() = default;
    // NOLINTNEXTLINE(google-explicit-constructor): an id is an id
    constexpr PagesSpaceId(SpaceId id) : value(id.value) {}
};

// Any space whose id the caller knows, whether or not it has a right over it.
struct PeerSpaceId {
    std::uint64_t value = 0;
    PeerSpaceId() = default;
    // NOLINTNEXTLINE(google-explicit-constructor): an id is an id
    constexpr PeerSpaceId(SpaceId id) : value(id.value) {}
};

// A space that the call may bring to its end.
struct EndingSpaceId {
    std::uint64_t value = 0;
    EndingSpaceId() = default;
    // NOLINTNEXTLINE(google-explicit-constructor): an id is an id
    constexpr EndingSpaceId(SpaceId id) : value(id.value) {}
};

// Any environment whose id the caller knows, whether or not it has a right over it.
struct PeerId {
    std::uint64_t value = 0;
    PeerId() = default;
    // NOLINTNEXTLINE(google-explicit-constructor): an id is an id
    constexpr PeerId(EnvId id) : value(id.value) {}
};

// `pages` pages from `address` on; two registers.
struct PageRange {
    std::uint64_t address = 0;
    std::uint64_t pages = 0;
};

// The same, of any size: what a window is of. Two registers.
struct WindowRange {
    std::uint64_t address = 0;
    std::uint64_t pages = 0;
};

// The address of one page; one register.
struct PageAddress {
    std::uint64_t address = 0;
};

// Where a program's code or stack is; one register. Must be a canonical user address.
struct UserAddress {
    std::uint64_t address = 0;
};

// `bytes` bytes of the caller's memory; two registers. The direction is in the type.
struct InBuffer {
    void const* address = nullptr;
    std::size_t bytes = 0;
};
struct OutBuffer {
    void* address = nullptr;
    std::size_t bytes = 0;
};

// A pointer to one T in the caller's memory; one register.
template <typename T>
struct In {
    T const* address = nullptr;
};
template <typename T>
struct Out {
    T* address = nullptr;
};

// The same, or null.
template <typename T>
struct OptionalIn {
    T const* address = nullptr;
};
// A 32-bit word of the caller's memory, aligned.
struct WordAddress {
    std::uint32_t const* address = nullptr;
};

// What a new space has beyond page tables. See abi/view.hpp for views and self-map.
struct SpaceOptions {
    std::uint64_t bits = 0;
    friend constexpr SpaceOptions operator|(SpaceOptions a, SpaceOptions b) {
        return {a.bits | b.bits};
    }
};
namespace space_option {
inline constexpr SpaceOptions none{0};
inline constexpr SpaceOptions views{1};     // the public arrays, at the cost of one table
inline constexpr SpaceOptions self_map{2};  // its own page tables, readable
inline constexpr SpaceOptions jos{4};       // all of it as JOS has it; implies the other two
}  // namespace space_option

// What a page may be used for. `may_*` bits outlive a protection change: DESIGN.md, "Permissions".
// No right at all (`none`) keeps frame, count and charge behind a mapping that nobody can touch.
struct Permissions {
    std::uint64_t bits = 0;
    constexpr bool has(Permissions other) const { return (bits & other.bits) == other.bits; }
    friend constexpr bool operator==(Permissions, Permissions) = default;
    friend constexpr Permissions operator|(Permissions a, Permissions b) {
        return {a.bits | b.bits};
    }
};
namespace permission {
inline constexpr Permissions none{0};
inline constexpr Permissions read{1};
inline constexpr Permissions write{1 << 1 | 1};
inline constexpr Permissions execute{1 << 2 | 1};
inline constexpr Permissions may_write{1 << 3};
inline constexpr Permissions may_execute{1 << 4};
inline constexpr unsigned tag_shift = 9;  // three bits that the kernel keeps and never reads
inline constexpr std::uint64_t tag_mask = 7u << tag_shift;
constexpr Permissions tag(unsigned value) { return {std::uint64_t{value & 7u} << tag_shift}; }
inline constexpr std::uint64_t known_bits = 0x1f | tag_mask;
}  // namespace permission

// Conditions and forms of page calls.
struct PageOptions {
    std::uint64_t bits = 0;
    friend constexpr PageOptions operator|(PageOptions a, PageOptions b) {
        return {a.bits | b.bits};
    }
    constexpr bool has(PageOptions other) const { return (bits & other.bits) == other.bits; }
};
namespace page_option {
inline constexpr PageOptions none{0};
inline constexpr PageOptions if_absent{1};  // fail with already_mapped instead of replacing
inline constexpr PageOptions if_sole{2};    // page_protect: add rights if nobody else has the frame
inline constexpr PageOptions huge{4};       // page_alloc: one 2 MiB frame
inline constexpr PageOptions lend{8};       // page_map: the space may only unmap what it gets
}  // namespace page_option

// Permissions and options share a register: a page call has six. `Allowed` are the options that the
// call knows.
template <std::uint64_t Allowed>
struct PageMode {
    static constexpr std::uint64_t allowed_options = Allowed;
    std::uint64_t bits = 0;
    constexpr PageMode() = default;
    // NOLINTNEXTLINE(google-explicit-constructor): a bare permission is a mode without options
    constexpr PageMode(Permissions permissions, PageOptions options = {})
        : bits(permissions.bits | options.bits << 32) {}
};
using AllocMode = PageMode<page_option::if_absent.bits | page_option::huge.bits>;
using MapMode = PageMode<page_option::if_absent.bits | page_option::lend.bits>;
using MoveMode = PageMode<page_option::if_absent.bits>;
using ProtectMode = PageMode<page_option::if_sole.bits>;

// What page_share does to pages on the way: those with rights outside `keep` lose them and get the
// tag `mark`, unless they have a tag in common with `spare`.
struct ShareMode {
    std::uint64_t bits = 0;
    static constexpr unsigned spare_shift =
        3;  // from where a page's tag is, which is where `mark` is
    constexpr ShareMode() = default;
    constexpr ShareMode(Permissions keep, Permissions mark, Permissions spare)
        : bits(keep.bits | mark.bits | spare.bits << spare_shift) {}
    static constexpr std::uint64_t known_bits = permission::known_bits | permission::tag_mask
                                                                             << spare_shift;
};

// An environment's general registers, as env_set_frame takes them. CS and SS are forced; of
// `rflags` only the arithmetic flags and DF count.
struct Frame {
    std::uint64_t rax, rbx, rcx, rdx, rsi, rdi, rbp, r8, r9, r10, r11, r12, r13, r14, r15;
    std::uint64_t rip, rflags, rsp;
    std::uint64_t fs_base, gs_base;
};
static_assert(sizeof(Frame) == 20 * 8);

enum class EnvState : std::uint64_t { stopped = 0, runnable = 1, blocked = 2, ended = 3 };
enum class EndCause : std::uint64_t { none = 0, exited = 1, destroyed = 2, fault = 3 };

struct EnvStatus {
    EnvState state = EnvState::stopped;
    EndCause cause = EndCause::none;  // of an ended environment
    std::uint64_t exit_status = 0;    // what it passed to exit
    std::uint64_t fault_vector = 0;   // of one ended by a fault: the exception,
    std::uint64_t fault_address = 0;  // for a page fault the address touched,
    std::uint64_t fault_rip = 0;      // and where
};

// What a message call may say beyond its four words. All zero: wait for ever, no pages.
struct IpcOptions {
    std::uint64_t deadline = 0;  // nanoseconds of `clock`; 0: none
    std::uint64_t flags = 0;     // ipc_interruptible
    EnvId from{};                // receive only from it; 0: from anyone
    PageRange send{};            // pages to map at the receiver; 0 pages: none
    Permissions permissions{};   // what they may be used for there
    PageRange window{};          // where the receiver takes pages, and how many at most
};
inline constexpr std::uint64_t ipc_interruptible = 1;  // pending interrupt bits end the wait

// What came: in registers, not in memory.
struct Message {
    EnvId sender;
    std::uint64_t words[4];
    std::uint64_t pages;  // that came into the window
};

// A memory word that environments wait on: by its address in one space, or by its frame, which
// several spaces may map.
enum class WordScope : std::uint64_t { own_space = 0, shared = 1 };

struct AccountStatus {
    std::uint64_t limit_pages;
    std::uint64_t used_pages;
};

}  // namespace quarry::abi
