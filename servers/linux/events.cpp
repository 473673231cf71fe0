#include "servers/linux/events.hpp"

#include "servers/linux/process.hpp"

#include <cstring>

namespace quarry::server {
namespace {

constexpr std::uint64_t most = ~std::uint64_t{0} - 1;

std::vector<EventList*>& all_lists() {
    static std::vector<EventList*> lists;
    return lists;
}

// One look from outside at lists, which may lead to the same list in many ways: each is looked at once.
class Look {
  public:
    explicit Look(std::uint64_t& last) {
        round += depth++ == 0 ? 1 : 0;
        is_first_ = last != round;
        last = round;
    }
    Look(Look const&) = delete;
    ~Look() { --depth; }
    bool is_first() const { return is_first_; }

  private:
    static inline constinit std::uint64_t round = 0;
    static inline constinit unsigned depth = 0;
    bool is_first_;
};

}  // namespace

std::int64_t EventCounter::read(Asker asker, std::span<std::byte> to,
                                std::optional<std::uint64_t>) {
    if (to.size() < sizeof(value_)) {
        return -EINVAL;
    }
    if (value_ == 0) {
        return wait_in(waiters_, asker);
    }
    std::uint64_t const taken = one_by_one_ ? 1 : value_;
    value_ -= taken;
    std::memcpy(to.data(), &taken, sizeof(taken));
    waiters_.wake_all();
    return sizeof(taken);
}

std::int64_t EventCounter::write(Asker asker, std::span<std::byte const> from,
                                 std::optional<std::uint64_t>) {
    std::uint64_t added = 0;
    if (from.size() != sizeof(added)) {
        return -EINVAL;
    }
    std::memcpy(&added, from.data(), sizeof(added));
    if (added > most) {
        return -EINVAL;
    }
    if (added > most - value_) {
        return wait_in(waiters_, asker);
    }
    value_ += added;
    waiters_.wake_all();
    return sizeof(added);
}

short EventCounter::ready() const {
    return static_cast<short>((value_ != 0 ? POLLIN : 0) | (value_ < most ? POLLOUT : 0));
}

EventList::EventList() : OpenFile(O_RDWR) { all_lists().push_back(this); }
EventList::~EventList() { std::erase(all_lists(), this); }

void EventList::forget(OpenFile const& file) {
    std::erase_if(interests_, [&](auto const& each) {
        bool const gone = each.second.file.get() == &file;
        if (gone) {
            let_go(*each.second.file);
        }
        return gone;
    });
}

void forget_events(OpenFile const& file) {
    for (auto* const list : all_lists()) {
        list->forget(file);
    }
}

std::int64_t EventList::control(std::uint64_t operation, std::int32_t descriptor,
                                Ref<OpenFile> file, epoll_event const& event) {
    if (file.get() == this) {
        return -EINVAL;
    }
    Key const key{file.get(), descriptor};
    auto const found = interests_.find(key);
    bool const known = found != interests_.end();
    switch (operation) {
        case EPOLL_CTL_ADD:
            if (known) {
                return -EEXIST;
            }
            if (auto const error = take_in(*file); error != 0) {
                return error;
            }
            interests_[key] = {file, event, 0, false};
            break;
        case EPOLL_CTL_MOD:
            if (!known) {
                return -ENOENT;
            }
            found->second = {file, event, 0, false};
            break;
        case EPOLL_CTL_DEL:
            if (!known) {
                return -ENOENT;
            }
            let_go(*file);
            interests_.erase(found);
            break;
        default:
            return -EINVAL;
    }
    waiters_.wake_all();
    return 0;
}

void EventList::collect(std::vector<epoll_event>& found, std::size_t limit) {
    Look const look{looked_};
    auto at = interests_.upper_bound(reported_);
    for (auto left = interests_.size(); left != 0 && found.size() < limit; --left, ++at) {
        if (at == interests_.end()) {
            at = interests_.begin();
        }
        auto& interest = at->second;
        if (interest.disabled) {
            continue;
        }
        auto const all = static_cast<std::uint32_t>(interest.file->ready());
        auto const wanted = interest.event.events | EPOLLERR | EPOLLHUP;
        auto ready = all & wanted;
        if ((interest.event.events & EPOLLET) != 0) {
            auto const fresh = ready & ~interest.last_ready;
            interest.last_ready = ready;
            ready = fresh;
        }
        if (ready != 0) {
            found.push_back({ready, interest.event.data});
            interest.disabled = (interest.event.events & EPOLLONESHOT) != 0;
            reported_ = at->first;
        }
    }
}

std::int64_t EventList::wait(Asker asker, std::vector<epoll_event>& found, std::size_t limit,
                             bool at_once) {
    collect(found, limit);
    if (!found.empty() || at_once) {
        return static_cast<std::int64_t>(found.size());
    }
    enlist(asker.thread.environment);
    return would_block;
}

void EventList::enlist(std::uint64_t environment) {
    if (Look const look{looked_}; look.is_first()) {
        waiters_.add(environment);
        for (auto& [key, interest] : interests_) {
            interest.file->enlist(environment);
        }
    }
}

short EventList::ready() const {
    Look const look{looked_};
    if (!look.is_first()) {
        return seen_;
    }
    seen_ = 0;
    for (auto const& [key, interest] : interests_) {
        auto const ready = static_cast<std::uint32_t>(interest.file->ready());
        auto const wanted = interest.event.events | EPOLLERR | EPOLLHUP;
        if (!interest.disabled && (ready & wanted) != 0) {
            seen_ = POLLIN;
            break;
        }
    }
    return seen_;
}

std::int64_t EventList::take_in(OpenFile& file) {
    auto* const list = file.event_list();
    if (list == nullptr) {
        return 0;
    }
    if (inner_.size() >= most_inner) {
        return -EINVAL;
    }
    inner_.push_back(list);
    if (nest_too_deep()) {
        inner_.pop_back();
        return -ELOOP;
    }
    return 0;
}

void EventList::let_go(OpenFile& file) {
    auto const found = std::ranges::find(inner_, file.event_list());
    if (found != inner_.end()) {
        inner_.erase(found);
    }
}

bool EventList::nest_too_deep() {
    constexpr std::uint32_t deepest = 4;
    for (auto* const list : all_lists()) {
        list->level_ = 0;
    }
    // Until nothing changes: in a circle levels only grow.
    for (bool changed = true; changed;) {
        changed = false;
        for (auto* const list : all_lists()) {
            for (auto const* const inner : list->inner_) {
                changed = changed || list->level_ <= inner->level_;
                list->level_ = std::max(list->level_, inner->level_ + 1);
            }
            if (list->level_ > deepest) {
                return true;
            }
        }
    }
    return false;
}

}  // namespace quarry::server
