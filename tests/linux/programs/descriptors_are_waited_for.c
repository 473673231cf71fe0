// Pipes, poll, select, epoll and eventfd.
#define _GNU_SOURCE
#include "../check.h"
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include <time.h>

static int ends[2];
static void* writes_later(void* argument) {
    struct timespec const moment = {0, 2000000};
    nanosleep(&moment, NULL);
    CHECK(write(*(int*)argument, "x\0\0\0\0\0\0\0", 8) == 8);
    return NULL;
}
static pthread_t later(int* descriptor) {
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, writes_later, descriptor) == 0);
    return thread;
}

int main(void) {
    char text[70000];
    CHECK(pipe2(ends, O_CLOEXEC) == 0);
    struct pollfd list[2] = {{ends[0], POLLIN, 0}, {ends[1], POLLOUT, 0}};
    CHECK(poll(list, 2, -1) == 1 && list[0].revents == 0 && list[1].revents == POLLOUT);
    CHECK(poll(list, 1, 0) == 0 && poll(list, 1, 2) == 0);
    pthread_t thread = later(&ends[1]);
    CHECK(poll(list, 1, -1) == 1 && list[0].revents == POLLIN);
    pthread_join(thread, NULL);
    int available = 0;
    CHECK(ioctl(ends[0], FIONREAD, &available) == 0 && available == 8);
    CHECK(read(ends[0], text, 100) == 8);
    list[0].fd = 99;
    CHECK(poll(list, 1, -1) == 1 && list[0].revents == POLLNVAL);

    fd_set in;
    FD_ZERO(&in);
    FD_SET(ends[0], &in);
    struct timeval moment = {0, 1000};
    CHECK(select(ends[0] + 1, &in, NULL, NULL, &moment) == 0 && !FD_ISSET(ends[0], &in));
    FD_SET(ends[0], &in);
    thread = later(&ends[1]);
    CHECK(select(ends[0] + 1, &in, NULL, NULL, NULL) == 1 && FD_ISSET(ends[0], &in));
    pthread_join(thread, NULL);
    CHECK(read(ends[0], text, 100) == 8);

    int e = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = 77}, got[4];
    CHECK(e >= 0 && epoll_ctl(e, EPOLL_CTL_ADD, ends[0], &event) == 0);
    ERROR(epoll_ctl(e, EPOLL_CTL_ADD, ends[0], &event), EEXIST);
    ERROR(epoll_ctl(e, EPOLL_CTL_MOD, ends[1], &event), ENOENT);
    ERROR(epoll_ctl(ends[0], EPOLL_CTL_ADD, ends[1], &event), EINVAL);
    CHECK(epoll_wait(e, got, 4, 0) == 0 && epoll_wait(e, got, 4, 1) == 0);
    thread = later(&ends[1]);
    CHECK(epoll_wait(e, got, 4, -1) == 1 && got[0].data.u64 == 77 && got[0].events == EPOLLIN);
    CHECK(epoll_wait(e, got, 4, -1) == 1);  // level-triggered
    pthread_join(thread, NULL);
    event.events = EPOLLIN | EPOLLONESHOT;
    CHECK(epoll_ctl(e, EPOLL_CTL_MOD, ends[0], &event) == 0);
    CHECK(epoll_wait(e, got, 4, -1) == 1 && epoll_wait(e, got, 4, 0) == 0);
    CHECK(epoll_ctl(e, EPOLL_CTL_DEL, ends[0], NULL) == 0 && read(ends[0], text, 100) == 8);

    int counter = eventfd(3, EFD_NONBLOCK);
    unsigned long value = 0;
    CHECK(read(counter, &value, 8) == 8 && value == 3);
    ERROR(read(counter, &value, 8), EAGAIN);
    value = 5;
    CHECK(write(counter, &value, 8) == 8 && write(counter, &value, 8) == 8);
    CHECK(read(counter, &value, 8) == 8 && value == 10);
    ERROR(read(counter, &value, 4), EINVAL);

    // A full pipe, a closed one.
    CHECK(fcntl(ends[1], F_SETFL, O_NONBLOCK) == 0);
    long total = 0, part;
    memset(text, 1, sizeof(text));
    while ((part = write(ends[1], text, sizeof(text))) > 0) total += part;
    CHECK(errno == EAGAIN && total == 65536);
    CHECK(fcntl(ends[0], F_SETFL, O_NONBLOCK) == 0);
    long back = 0;
    while ((part = read(ends[0], text, sizeof(text))) > 0) back += part;
    CHECK(errno == EAGAIN && back == total);
    close(ends[1]);
    list[0].fd = ends[0];
    CHECK(poll(list, 1, -1) == 1 && list[0].revents == POLLHUP && read(ends[0], text, 1) == 0);
    CHECK(pipe(ends) == 0 && close(ends[0]) == 0);
    signal(SIGPIPE, SIG_IGN);
    ERROR(write(ends[1], "x", 1), EPIPE);
    ERROR(lseek(ends[1], 0, SEEK_SET), ESPIPE);
    ERROR(pread(counter, text, 1, -1), EINVAL);
    DONE;
}
