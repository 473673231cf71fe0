// The program's memory: what its mapping list promises becomes pages when they are touched.
#pragma once

#include "user/linux/mapping.hpp"
#include "user/rt/mutex.hpp"

#include <cstdint>

namespace quarry::libos {

// How a fault ends.
enum class FaultOutcome : std::uint8_t {
    mended,      // the instruction can go on
    unmapped,    // SIGSEGV, SEGV_MAPERR
    forbidden,   // SIGSEGV, SEGV_ACCERR
    beyond_end,  // SIGBUS: a file's mapping goes on, the file does not
    no_memory,   // SIGKILL, as Linux's out-of-memory killer would
};

// All that guards and describes the memory of the process.
struct Memory {
    Mutex lock;
    MappingList mappings;
    std::uint64_t break_begin = 0;  // the heap that brk moves
    std::uint64_t break_end = 0;
    std::uint64_t last_fault_end = 0;    // where the pages of the last fault ended,
    std::uint64_t last_fault_pages = 1;  // and how many they were
};
extern constinit Memory memory;

// Pages of this tag are copied at the next write: another process has the frame too.
inline constexpr auto copy_on_write = abi::permission::tag(4);

FaultOutcome mend_fault(std::uint64_t address, std::uint64_t error);

// Pages of [begin, end) go. Costs what is there, not what could be. The memory lock is held.
void drop_pages(std::uint64_t begin, std::uint64_t end);

// Whether a page is there.
bool is_resident(std::uint64_t page);

// The same as mmap with MAP_FIXED, for exec: `mapping` replaces what was there. False: no room.
bool replace(Mapping const& mapping);

// What a child gets of the program's memory, through the window that the server granted: copies, made
// at the next write, or what the parent has at present itself (vfork). The memory lock is held.
Result<void> share_memory(abi::SpaceId child);
Result<void> lend_memory(abi::SpaceId child);
// Copies made now.
Result<void> copy_memory(abi::SpaceId child);
// A page that the calling thread may use while it makes one for elsewhere.
std::uint64_t scratch_page();

// Copies that may fail: the program's pointers are allegations. False: EFAULT.
[[nodiscard]] bool copy_in(void* to, std::uint64_t from, std::size_t bytes);
[[nodiscard]] bool copy_out(std::uint64_t to, void const* from, std::size_t bytes);
// As many bytes as can be written there.
std::size_t copy_out_some(std::uint64_t to, void const* from, std::size_t bytes);
// Whether the byte there can be written, before something is taken that would be lost if not.
bool may_write(std::uint64_t address);
// The length of a string without its end, copied with it; -EFAULT, or -ENAMETOOLONG when it does not
// fit.
std::int64_t copy_in_string(char* to, std::uint64_t from, std::size_t bytes);

template <typename T>
[[nodiscard]] bool copy_in(T& to, std::uint64_t from) {
    return copy_in(&to, from, sizeof(T));
}
template <typename T>
[[nodiscard]] bool copy_out(std::uint64_t to, T const& from) {
    return copy_out(to, &from, sizeof(T));
}

}  // namespace quarry::libos
