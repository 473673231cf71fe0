// Descriptors that stand for events: counters (eventfd) and lists of other descriptors (epoll).
#pragma once

#include "servers/linux/open_file.hpp"

#include <map>
#include <vector>

namespace quarry::server {

class EventCounter : public OpenFile {
  public:
    EventCounter(std::uint64_t value, bool one_by_one, std::uint32_t status)
        : OpenFile(status | O_RDWR), value_(value), one_by_one_(one_by_one) {}
    std::int64_t read(Asker asker, std::span<std::byte> to,
                      std::optional<std::uint64_t> offset) override;
    std::int64_t write(Asker asker, std::span<std::byte const> from,
                       std::optional<std::uint64_t> offset) override;
    short ready() const override;
    Waiters* waiters() override { return &waiters_; }

  private:
    std::uint64_t value_;
    bool one_by_one_;  // EFD_SEMAPHORE
    Waiters waiters_;
};

class EventList : public OpenFile {
  public:
    EventList();
    ~EventList() override;
    std::int64_t control(std::uint64_t operation, std::int32_t descriptor, Ref<OpenFile> file,
                         epoll_event const& event);
    // Those that are ready, at most `most`; with none the asker waits for all.
    std::int64_t wait(Asker asker, std::vector<epoll_event>& found, std::size_t most, bool at_once);
    short ready() const override;
    Waiters* waiters() override { return &waiters_; }
    void enlist(std::uint64_t environment) override;
    void forget(OpenFile const& file);
    EventList* event_list() override { return this; }

  private:
    void collect(std::vector<epoll_event>& found, std::size_t most);
    // Lists in lists: as deep as Linux lets them be (EP_MAX_NESTS), in no circle, and few in each: what
    // is asked of one may have to be asked of all.
    static constexpr std::size_t most_inner = 32;
    static bool nest_too_deep();
    std::int64_t take_in(OpenFile& file);
    void let_go(OpenFile& file);

    struct Interest {
        Ref<OpenFile> file;
        epoll_event event;
        std::uint32_t last_ready = 0;  // what an edge-triggered interest has been told
        bool disabled = false;         // EPOLLONESHOT, told once
    };
    // By file and descriptor: one of which the number is another's by now counts as long as it is open.
    using Key = std::pair<OpenFile const*, std::int32_t>;
    std::map<Key, Interest> interests_;
    Key reported_{};  // the last one: the next report begins behind it, so that each has its turn
    std::vector<EventList*> inner_;  // those of them that are lists
    Waiters waiters_;
    std::uint32_t level_ = 0;           // of lists below this one
    mutable std::uint64_t looked_ = 0;  // the look that came here last
    mutable short seen_ = 0;            // and what it saw
};

}  // namespace quarry::server
