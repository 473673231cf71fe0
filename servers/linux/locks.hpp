// Advisory locks of a file's bytes: fcntl's, which belong to a process, and those of an open file (flock,
// and fcntl's with OFD). The two calls do not see each other's, as on Linux.
#pragma once

#include "servers/linux/waiters.hpp"

#include <cstdint>
#include <vector>

namespace quarry::server {

class OpenFile;
class Request;

struct FileLock {
    std::uint64_t owner;
    bool exclusive;
    std::uint64_t begin;
    std::uint64_t end;  // the byte behind its last one

    bool overlaps(FileLock const& other) const { return begin < other.end && other.begin < end; }
};

class FileLocks {
  public:
    static constexpr std::uint64_t whole = ~std::uint64_t{0};

    // One of another owner that excludes it; null if there is none.
    FileLock const* conflict(FileLock const& wanted) const;
    // What its owner had there before goes.
    void set(FileLock const& lock);
    // Those of the owner in the range go.
    void clear(FileLock const& range);

    Waiters waiters;

  private:
    std::vector<FileLock> locks_;
};

// Locks of an open file that no descriptor stands for any more.
void release_locks(OpenFile const& file);

std::int64_t lock_record(Request& request, OpenFile& file, std::uint64_t command);
std::int64_t lock_file(Request& request, OpenFile& file, std::uint64_t operation);

}  // namespace quarry::server
