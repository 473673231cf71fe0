// AF_UNIX: streams, packets and datagrams, by pair and by name, with open files in messages; and errors.
#define _GNU_SOURCE
#include "../check.h"
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>

static struct sockaddr_un named(char const* path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    strcpy(address.sun_path, path);
    return address;
}
static char text[300000], back[300000];

static void pairs(void) {
    int ends[2];
    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
    CHECK(write(ends[0], "abc", 3) == 3 && send(ends[0], "def", 3, 0) == 3);
    int waiting = 0;
    CHECK(ioctl(ends[1], FIONREAD, &waiting) == 0 && waiting == 6);
    CHECK(recv(ends[1], back, 2, MSG_PEEK) == 2 && recv(ends[1], back, 100, 0) == 6 && memcmp(back, "abcdef", 6) == 0);
    CHECK(recv(ends[1], back, 1, MSG_DONTWAIT) == -1 && errno == EAGAIN);
    struct pollfd each = {ends[1], POLLIN | POLLOUT, 0};
    CHECK(poll(&each, 1, 0) == 1 && each.revents == POLLOUT);
    // More than fits, to a reader that takes its time.
    for (size_t i = 0; i < sizeof(text); ++i) text[i] = (char)(i * 7);
    pid_t const child = fork();
    if (child == 0) {
        size_t done = 0;
        for (ssize_t got; done < sizeof(back) && (got = read(ends[1], back + done, 70000)) > 0;) done += (size_t)got;
        _exit(done == sizeof(back) && memcmp(text, back, sizeof(back)) == 0 ? 3 : 1);
    }
    CHECK(write(ends[0], text, sizeof(text)) == (ssize_t)sizeof(text));
    int status = 0;
    CHECK(waitpid(child, &status, 0) == child && WEXITSTATUS(status) == 3);
    CHECK(shutdown(ends[0], SHUT_WR) == 0 && read(ends[1], back, 1) == 0 && write(ends[1], "x", 1) == 1);
    signal(SIGPIPE, SIG_IGN);
    ERROR(write(ends[0], "x", 1), EPIPE);
    CHECK(read(ends[0], back, 5) == 1 && close(ends[0]) == 0);
    each.events = POLLIN;
    CHECK(poll(&each, 1, 0) == 1 && each.revents == (POLLIN | POLLHUP));
    ERROR(send(ends[1], "x", 1, MSG_NOSIGNAL), EPIPE);
    close(ends[1]);

    CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends) == 0);
    CHECK(write(ends[0], "first", 5) == 5 && write(ends[0], "second", 6) == 6);
    CHECK(read(ends[1], back, 3) == 3 && read(ends[1], back, 10) == 6 && memcmp(back, "second", 6) == 0);
    struct ucred who;
    socklen_t bytes = sizeof(who);
    CHECK(getsockopt(ends[0], SOL_SOCKET, SO_PEERCRED, &who, &bytes) == 0 && who.pid == getpid());
    int type = 0;
    bytes = sizeof(type);
    CHECK(getsockopt(ends[0], SOL_SOCKET, SO_TYPE, &type, &bytes) == 0 && type == SOCK_SEQPACKET);
    close(ends[0]), close(ends[1]);
}

static void files(void) {
    int ends[2], pipes[2];
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0 && pipe(pipes) == 0);
    union {
        struct cmsghdr head;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control;
    struct iovec parts[2] = {{"ta", 2}, {"ke", 2}};
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2, .msg_control = &control, .msg_controllen = sizeof(control)};
    control.head = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
    memcpy(CMSG_DATA(&control.head), &pipes[1], sizeof(int));
    CHECK(sendmsg(ends[0], &message, 0) == 4 && close(pipes[1]) == 0);
    struct iovec place[2] = {{back, 1}, {back + 1, 50}};
    struct msghdr got = {.msg_iov = place, .msg_iovlen = 2, .msg_control = &control, .msg_controllen = sizeof(control)};
    memset(&control, 0, sizeof(control));
    CHECK(recvmsg(ends[1], &got, MSG_CMSG_CLOEXEC) == 4 && memcmp(back, "take", 4) == 0);
    CHECK(got.msg_controllen == sizeof(control) && control.head.cmsg_type == SCM_RIGHTS && got.msg_flags == MSG_CMSG_CLOEXEC);
    int passed = -1;
    memcpy(&passed, CMSG_DATA(&control.head), sizeof(int));
    CHECK(fcntl(passed, F_GETFD) == FD_CLOEXEC && write(passed, "through", 7) == 7 && close(passed) == 0);
    CHECK(read(pipes[0], back, 10) == 7 && read(pipes[0], back, 10) == 0);
    close(ends[0]), close(ends[1]), close(pipes[0]);
}

static void streams_by_name(void) {
    struct sockaddr_un const address = named("/tmp/socket");
    unlink("/tmp/socket");
    int const listener = socket(AF_UNIX, SOCK_STREAM, 0);
    CHECK(listener >= 0 && bind(listener, (void*)&address, sizeof(address)) == 0);
    struct stat st;
    CHECK(stat("/tmp/socket", &st) == 0 && S_ISSOCK(st.st_mode));
    ERROR(open("/tmp/socket", O_RDWR), ENXIO);
    int const early = socket(AF_UNIX, SOCK_STREAM, 0);
    ERROR(connect(early, (void*)&address, sizeof(address)), ECONNREFUSED);
    ERROR(send(early, "x", 1, 0), ENOTCONN);
    CHECK(listen(listener, 5) == 0);
    int const second = socket(AF_UNIX, SOCK_STREAM, 0);
    ERROR(bind(second, (void*)&address, sizeof(address)), EADDRINUSE);
    close(second);
    pid_t const child = fork();
    if (child == 0) {
        int const own = socket(AF_UNIX, SOCK_STREAM, 0);
        if (connect(own, (void*)&address, sizeof(address)) != 0) _exit(1);
        if (write(own, "hello", 5) != 5 || read(own, back, 10) != 6) _exit(2);
        _exit(memcmp(back, "answer", 6) == 0 ? 9 : 3);
    }
    struct sockaddr_un from;
    socklen_t bytes = sizeof(from);
    int const taken = accept4(listener, (void*)&from, &bytes, SOCK_CLOEXEC);
    CHECK(taken >= 0 && bytes == 2 && from.sun_family == AF_UNIX && fcntl(taken, F_GETFD) == FD_CLOEXEC);
    CHECK(read(taken, back, 10) == 5 && memcmp(back, "hello", 5) == 0 && write(taken, "answer", 6) == 6);
    struct ucred who;
    bytes = sizeof(who);
    CHECK(getsockopt(taken, SOL_SOCKET, SO_PEERCRED, &who, &bytes) == 0 && who.pid == child);
    bytes = sizeof(from);
    CHECK(getsockname(taken, (void*)&from, &bytes) == 0 && strcmp(from.sun_path, "/tmp/socket") == 0);
    int status = 0;
    CHECK(waitpid(child, &status, 0) == child && WEXITSTATUS(status) == 9 && read(taken, back, 1) == 0);
    // With epoll, without waiting.
    CHECK(fcntl(listener, F_SETFL, O_NONBLOCK) == 0);
    ERROR(accept(listener, NULL, NULL), EAGAIN);
    int const list = epoll_create1(0);
    struct epoll_event event = {EPOLLIN, {.fd = listener}};
    CHECK(epoll_ctl(list, EPOLL_CTL_ADD, listener, &event) == 0 && epoll_wait(list, &event, 1, 0) == 0);
    CHECK(connect(early, (void*)&address, sizeof(address)) == 0 && epoll_wait(list, &event, 1, -1) == 1);
    ERROR(connect(early, (void*)&address, sizeof(address)), EISCONN);
    close(early), close(taken), close(list), close(listener);
    int const late = socket(AF_UNIX, SOCK_STREAM, 0);
    ERROR(connect(late, (void*)&address, sizeof(address)), ECONNREFUSED);
    CHECK(unlink("/tmp/socket") == 0);
    ERROR(connect(late, (void*)&address, sizeof(address)), ENOENT);
    close(late);
}

static void datagrams(void) {
    struct sockaddr_un one = {.sun_family = AF_UNIX}, from;
    memcpy(one.sun_path, "\0quarry-test", 12);
    socklen_t const length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 12);
    int const to = socket(AF_UNIX, SOCK_DGRAM, 0), own = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    CHECK(bind(to, (void*)&one, length) == 0);
    struct sockaddr_un const mine = named("/tmp/datagrams");
    unlink("/tmp/datagrams");
    CHECK(bind(own, (void*)&mine, sizeof(mine)) == 0);
    ERROR(send(own, "x", 1, 0), ENOTCONN);
    CHECK(sendto(own, "one", 3, 0, (void*)&one, length) == 3 && sendto(own, "", 0, 0, (void*)&one, length) == 0);
    socklen_t bytes = sizeof(from);
    CHECK(recvfrom(to, back, 2, MSG_TRUNC * 0, (void*)&from, &bytes) == 2 && strcmp(from.sun_path, "/tmp/datagrams") == 0);
    CHECK(recv(to, back, 10, 0) == 0);
    // However small they are, there is an end.
    int many = 0;
    while (sendto(own, "", 0, 0, (void*)&one, length) == 0) ++many;
    CHECK(errno == EAGAIN && many > 0 && many < 5000);
    for (int i = 0; i < many; ++i) CHECK(recv(to, back, 10, 0) == 0);
    CHECK(connect(own, (void*)&one, length) == 0 && write(own, "again", 5) == 5 && read(to, back, 10) == 5);
    ERROR(sendto(own, "x", 1, 0, (void*)&mine, 1), EINVAL);
    close(to);
    ERROR(write(own, "x", 1), ECONNREFUSED);
    close(own);
    unlink("/tmp/datagrams");
    // One of a pair goes to another, and goes away: its partner has nobody then.
    int ends[2];
    int const third = socket(AF_UNIX, SOCK_DGRAM, 0);
    CHECK(bind(third, (void*)&one, length) == 0 && socketpair(AF_UNIX, SOCK_DGRAM, 0, ends) == 0);
    CHECK(write(ends[0], "pair", 4) == 4 && read(ends[1], back, 10) == 4);
    CHECK(connect(ends[0], (void*)&one, length) == 0 && write(ends[0], "other", 5) == 5 && read(third, back, 10) == 5);
    close(ends[0]);
    ERROR(write(ends[1], "x", 1), ECONNREFUSED);
    close(ends[1]), close(third);
    // Who waits for room hears that there is nobody any more.
    int const full = socket(AF_UNIX, SOCK_DGRAM, 0);
    CHECK(bind(full, (void*)&one, length) == 0 && pipe(ends) == 0);
    pid_t const child = fork();
    if (child == 0) {
        close(full);
        int const from_child = socket(AF_UNIX, SOCK_DGRAM, 0);
        while (sendto(from_child, "x", 1, MSG_DONTWAIT, (void*)&one, length) == 1) continue;
        CHECK(write(ends[1], "f", 1) == 1);
        _exit(sendto(from_child, "x", 1, 0, (void*)&one, length) == -1 && errno == ECONNREFUSED ? 4 : 1);
    }
    CHECK(read(ends[0], back, 1) == 1);
    for (int i = 0; i < 2000; ++i) sched_yield();  // so that it waits by now; if not, the outcome is the same
    close(full), close(ends[0]), close(ends[1]);
    int status = 0;
    CHECK(waitpid(child, &status, 0) == child && WEXITSTATUS(status) == 4);
}

int main(void) {
    mkdir("/tmp", 0777);
    pairs();
    files();
    streams_by_name();
    datagrams();
    int ends[2];
    ERROR(socketpair(AF_UNIX, 99, 0, ends), EINVAL);
    ERROR(socket(99, SOCK_STREAM, 0), EAFNOSUPPORT);
    ERROR(listen(0, 1), ENOTSOCK);
    ERROR(listen(99, 1), EBADF);
    DONE;
}
