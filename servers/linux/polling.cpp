// Requests that wait for descriptors, and descriptors that exist to be waited for.
#include "servers/linux/events.hpp"
#include "servers/linux/request.hpp"

namespace quarry::server {
namespace {

std::int64_t poll(Request& request) {
    auto const count = request.words[0];
    bool const at_once = request.words[1] != 0;
    auto const place = request.data(0, count * sizeof(pollfd));
    if (count > protocol::most_descriptors || place.size() != count * sizeof(pollfd)) {
        return -EINVAL;
    }
    std::vector<pollfd> list(count);
    std::memcpy(list.data(), place.data(), place.size());
    std::int64_t ready = 0;
    for (auto& each : list) {
        each.revents = 0;
        if (each.fd < 0) {
            continue;
        }
        auto const file = request.process.file(static_cast<std::uint64_t>(each.fd));
        each.revents = file ? static_cast<short>(file->ready() & (each.events | POLLERR | POLLHUP))
                            : static_cast<short>(POLLNVAL);
        ready += each.revents != 0 ? 1 : 0;
    }
    std::memcpy(place.data(), list.data(), place.size());
    if (ready != 0 || at_once) {
        return ready;
    }
    for (auto const& each : list) {
        auto const file = each.fd < 0 ? Ref<OpenFile>{}
                                      : request.process.file(static_cast<std::uint64_t>(each.fd));
        if (file) {
            file->enlist(request.thread.environment);
        }
    }
    return would_block;
}

EventList* event_list(Request& request, std::uint64_t descriptor) {
    auto const file = request.process.file(descriptor);
    return file ? file->event_list() : nullptr;
}

std::int64_t epoll_control(Request& request) {
    auto const& a = request.arguments;
    auto* const list = event_list(request, a[0]);
    auto const file = request.process.file(a[2]);
    if (!file || !request.process.file(a[0])) {
        return -EBADF;
    }
    if (list == nullptr) {
        return -EINVAL;
    }
    if (file->waiters() == nullptr && a[1] == EPOLL_CTL_ADD) {
        return -EPERM;  // what is always ready, as on Linux
    }
    epoll_event event{};
    if (a[1] != EPOLL_CTL_DEL) {
        auto const given = request.in<epoll_event>(a[3]);
        if (!given) {
            return -EFAULT;
        }
        event = *given;
    }
    return list->control(a[1], static_cast<std::int32_t>(a[2]), file, event);
}

std::int64_t epoll_wait(Request& request) {
    auto* const list = event_list(request, request.words[0]);
    if (list == nullptr) {
        return request.process.file(request.words[0]) ? -EINVAL : -EBADF;
    }
    std::vector<epoll_event> found;
    auto const answer = list->wait(request.asker(), found, request.words[1], request.words[2] != 0);
    auto const place = request.data(0, found.size() * sizeof(epoll_event));
    if (place.size() != found.size() * sizeof(epoll_event)) {
        return -EINVAL;
    }
    std::memcpy(place.data(), found.data(), place.size());
    return answer;
}

}  // namespace

std::optional<std::int64_t> serve_polling(Request& request) {
    auto const& a = request.arguments;
    auto& process = request.process;
    switch (request.number) {
        case __NR_poll:
            return poll(request);
        case __NR_epoll_create:
            return static_cast<std::int32_t>(a[0]) <= 0 ? -EINVAL
                                                        : process.add(make_ref<EventList>(), false);
        case __NR_epoll_create1:
            return has_more(a[0], EPOLL_CLOEXEC) ? -EINVAL
                                                 : process.add(make_ref<EventList>(), a[0] != 0);
        case __NR_epoll_ctl:
            return epoll_control(request);
        case __NR_epoll_wait:
            return epoll_wait(request);
        case __NR_eventfd:
            return process.add(make_ref<EventCounter>(a[0], false, 0u), false);
        case __NR_eventfd2:
            if (has_more(a[1], 1 | O_NONBLOCK | O_CLOEXEC)) {
                return -EINVAL;
            }
            return process.add(
                make_ref<EventCounter>(a[0], (a[1] & 1) != 0,
                                       static_cast<std::uint32_t>(a[1] & O_NONBLOCK)),
                (a[1] & O_CLOEXEC) != 0);
        default:
            return std::nullopt;
    }
}

}  // namespace quarry::server
