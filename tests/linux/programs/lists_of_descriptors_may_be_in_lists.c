// epoll in epoll: events come through, in no circle, and not too deep.
#define _GNU_SOURCE
#include "../check.h"
#include <poll.h>
#include <sys/epoll.h>
#include <sys/wait.h>

static int list(void) {
    int const made = epoll_create1(0);
    CHECK(made >= 0);
    return made;
}
static int add(int to, int what) {
    struct epoll_event event = {.events = EPOLLIN, .data = {.fd = what}};
    return epoll_ctl(to, EPOLL_CTL_ADD, what, &event);
}

int main(void) {
    int ends[2];
    CHECK(pipe(ends) == 0);
    // Who waits at the outer list, or polls it, hears of what happens below.
    int const inner = list(), outer = list();
    CHECK(add(inner, ends[0]) == 0 && add(outer, inner) == 0);
    struct epoll_event event;
    CHECK(epoll_wait(outer, &event, 1, 0) == 0);
    for (int i = 0; i < 2; ++i) {
        pid_t const child = fork();
        CHECK(child >= 0);
        if (child == 0) {
            usleep(20000);
            _exit(write(ends[1], "x", 1) == 1 ? 0 : 1);
        }
        struct pollfd polled = {outer, POLLIN, 0};
        if (i == 0) {
            CHECK(epoll_wait(outer, &event, 1, -1) == 1 && event.data.fd == inner);
        } else {
            CHECK(poll(&polled, 1, -1) == 1 && polled.revents == POLLIN);
        }
        char byte;
        int status;
        CHECK(epoll_wait(inner, &event, 1, 0) == 1 && event.data.fd == ends[0]);
        CHECK(waitpid(child, &status, 0) == child && status == 0);
        CHECK(read(ends[0], &byte, 1) == 1 && epoll_wait(outer, &event, 1, 0) == 0);
    }
    // Circles of one, two and three.
    ERROR(add(outer, outer), EINVAL);
    ERROR(add(inner, outer), ELOOP);
    int const third = list();
    CHECK(add(third, outer) == 0);
    ERROR(add(inner, third), ELOOP);
    CHECK(poll(&(struct pollfd){third, POLLIN, 0}, 1, 0) == 0);
    // A tower, built from below and from above.
    for (int down = 0; down < 2; ++down) {
        int level = list(), levels = 1;
        for (; levels < 20; ++levels) {
            int const next = list();
            if ((down ? add(level, next) : add(next, level)) != 0) break;
            level = next;
        }
        CHECK(errno == ELOOP || errno == EINVAL);
        printf("%d levels\n", levels);
    }
    // Many ways to one list.
    int layers[4][3];
    for (int layer = 0; layer < 4; ++layer) {
        for (int i = 0; i < 3; ++i) {
            layers[layer][i] = list();
            for (int j = 0; j < 3 && layer != 0; ++j) add(layers[layer][i], layers[layer - 1][j]);
        }
    }
    CHECK(add(layers[0][2], ends[0]) == 0 && write(ends[1], "x", 1) == 1);
    CHECK(epoll_wait(layers[1][1], &event, 1, 0) == 1 && event.data.fd == layers[0][2]);
    // More that is ready than is asked for: each has its turn.
    int seen = 0, others[3][2];
    int const crowd = list();
    for (int i = 0; i < 3; ++i) {
        CHECK(pipe(others[i]) == 0 && add(crowd, others[i][0]) == 0 && write(others[i][1], "x", 1) == 1);
    }
    for (int i = 0; i < 3; ++i) {
        CHECK(epoll_wait(crowd, &event, 1, 0) == 1);
        for (int j = 0; j < 3; ++j) seen |= event.data.fd == others[j][0] ? 1 << j : 0;
    }
    CHECK(seen == 7);
    DONE;
}
