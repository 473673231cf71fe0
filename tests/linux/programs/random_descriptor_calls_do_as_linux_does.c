// Random calls on pipes, sockets, counters and lists of them, none of which waits: what each answers, and what
// is ready afterwards. To see where two systems part, give it the first seed, how many, and the calls for each.
#define _GNU_SOURCE
#include "../random.h"
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>

enum { PLACES = 12, FIRST = 20, MOST = 3000 };  // descriptors FIRST and up; bytes in one that are not read yet
static int writes_to[PLACES];                    // the pipe or direction that it puts bytes into; 0: into none
static int reads_from[PLACES];
static long inside[100000];
static int directions;
static char buffer[MOST];

static int says(char const* call, int place, long result) {
    if (result < 0) {
        say("%s %d: %s\n", call, place, error_name());
    } else {
        say("%s %d: %ld\n", call, place, result);
    }
    return (int)result;
}
static void show_bytes(long result) {
    show_bytes_of(buffer, result);
}
static void settle(int from, int place, int to, int reads) {
    CHECK(dup2(from, FIRST + place) == FIRST + place && close(from) == 0);
    writes_to[place] = to;
    reads_from[place] = reads;
}
static void make(void) {
    int const one = (int)below(PLACES), other = (int)((unsigned)one + 1 + below(PLACES - 1)) % PLACES;
    int ends[2];
    switch (below(4)) {
        case 0:
            CHECK(pipe2(ends, O_NONBLOCK) == 0);
            ++directions;
            settle(ends[0], one, 0, directions);
            settle(ends[1], other, directions, 0);
            break;
        case 1: case 2: {
            int const types[] = {SOCK_STREAM, SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET};
            CHECK(socketpair(AF_UNIX, ONE_OF(types) | SOCK_NONBLOCK, 0, ends) == 0);
            directions += 2;
            settle(ends[0], one, directions, directions - 1);
            settle(ends[1], other, directions - 1, directions);
            break;
        }
        default:
            ends[0] = below(2) ? eventfd(below(3), EFD_NONBLOCK | (below(2) ? EFD_SEMAPHORE : 0)) : epoll_create1(0);
            settle(ends[0], one, 0, 0);
    }
}
static int is_datagram(int descriptor) {
    int type = 0;
    socklen_t size = sizeof(type);
    return getsockopt(descriptor, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_DGRAM;
}
static void show_ready(void) {
    struct pollfd all[PLACES];
    for (int i = 0; i < PLACES; ++i) all[i] = (struct pollfd){FIRST + i, POLLIN | POLLOUT | POLLRDHUP, 0};
    say("  %d:", poll(all, PLACES, 0));
    for (int i = 0; i < PLACES; ++i) say(" %x", all[i].revents);
    say("\n");
}
static void one_call(void) {
    int const place = (int)below(PLACES), at = FIRST + place, other = (int)below(PLACES);
    unsigned const bytes = below(400);
    struct epoll_event events[20];
    switch (below(16)) {
        case 0: make(); break;
        case 1: case 2: case 3:
            if (writes_to[place] && inside[writes_to[place]] > MOST) break;
            for (unsigned i = 0; i < bytes; ++i) buffer[i] = (char)next();
            // What counters make of more than 8 bytes, systems do not agree on.
            if (says("write", place, write(at, buffer, writes_to[place] ? bytes + 1 : bytes % 9)) > 0) {
                inside[writes_to[place]] += bytes + 1;
            }
            break;
        case 4: case 5: case 6: {
            long const got = says("read", place, read(at, buffer, bytes));
            show_bytes(got);
            if (got > 0) inside[reads_from[place]] -= got;
            break;
        }
        case 7:
            says("dup", place, dup2(at, FIRST + other) - FIRST);
            writes_to[other] = writes_to[place];
            reads_from[other] = reads_from[place];
            break;
        case 8:
            if (!is_datagram(at)) says("shutdown", place, shutdown(at, (int)below(3)));
            break;
        case 9: show_bytes(says("peek", place, recv(at, buffer, bytes, MSG_PEEK | MSG_DONTWAIT))); break;
        case 10: {
            int count = -1;
            if (!writes_to[place] && !reads_from[place]) break;
            says("there", place, ioctl(at, FIONREAD, &count));
            say("  %d\n", count);
            break;
        }
        case 11: case 12: {
            uint32_t const kinds[] = {EPOLLIN, EPOLLOUT, EPOLLIN | EPOLLOUT, EPOLLIN | EPOLLONESHOT, EPOLLRDHUP};
            int const operations[] = {EPOLL_CTL_ADD, EPOLL_CTL_ADD, EPOLL_CTL_MOD, EPOLL_CTL_DEL};
            events[0] = (struct epoll_event){.events = ONE_OF(kinds), .data = {.u32 = (uint32_t)other}};
            says("control", place, epoll_ctl(at, ONE_OF(operations), FIRST + other, events));
            break;
        }
        case 13: {
            int const count = says("wait", place, epoll_wait(at, events, 20, 0));
            uint32_t sum = 0;  // in whatever order
            for (int i = 0; i < count; ++i) sum += (events[i].events + 1) * (events[i].data.u32 + 1000);
            say("  %u\n", sum);
            break;
        }
        case 14: says("flags", place, fcntl(at, F_GETFL) & (O_ACCMODE | O_NONBLOCK)); break;
        default: {
            struct stat s;
            says("stat", place, fstat(at, &s));
            say("  %o\n", s.st_mode & S_IFMT);
        }
    }
}

int main(int count, char** words) {
    struct span const span = parse_span(count, words, 1000);
    CHECK(signal(SIGPIPE, SIG_IGN) != SIG_ERR);
    for (uint64_t seed = span.first; seed < span.end; ++seed) {
        state = seed;
        for (int i = 0; i < PLACES; ++i) {
            int const null = eventfd(0, EFD_NONBLOCK);
            settle(null, i, 0, 0);
        }
        for (int i = 0; i < 6; ++i) make();
        for (int i = 0; i < span.calls; ++i) {
            begin_call(seed, i);
            one_call();
            show_ready();
        }
        end_seed(seed);
    }
    DONE;
}
