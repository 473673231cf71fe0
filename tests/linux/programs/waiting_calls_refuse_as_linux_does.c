// Every call on sockets, semaphores, epoll and its kin, with what it must refuse.
#define _GNU_SOURCE
#include "../says.h"
#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/sem.h>
#include <sys/socket.h>
#include <sys/un.h>

static char buffer[8192];
static void* const nowhere = (void*)8;
enum { NO = 99 };  // no descriptor has this number

static void sets(int file, int const* ends) {
    struct pollfd one = {NO, POLLIN, 0};
    struct timespec bad = {0, 2000000000}, none = {0, 0};
    struct { long seconds, microseconds; } negative = {-1, 0}, no_time = {0, 0};
    SAYS(poll, &one, 1l, 0l);
    CHECK(one.revents == POLLNVAL);
    SAYS(poll, nowhere, 0l, 0l);
    SAYS(poll, &one, -1l, 0l);
    SAYS(ppoll, &one, 1l, &bad, NULL, 8l);
    SAYS(ppoll, &one, 1l, nowhere, NULL, 8l);
    SAYS(ppoll, &one, 1l, &none, buffer, 4l);
    SAYS(ppoll, nowhere, 1l, &none, NULL, 8l);
    memset(buffer, 0, sizeof(buffer));
    buffer[NO / 8] = 1 << NO % 8;
    SAYS(select, NO + 1, buffer, NULL, NULL, &no_time);
    SAYS(select, -1l, NULL, NULL, NULL, &no_time);
    SAYS(select, 0l, NULL, NULL, NULL, &negative);
    SAYS(select, 0l, NULL, NULL, NULL, nowhere);
    SAYS(pselect6, -1l, NULL, NULL, NULL, &none, NULL);
    SAYS(pselect6, 0l, NULL, NULL, NULL, &bad, NULL);
    SAYS(pselect6, 1l, nowhere, NULL, NULL, &none, NULL);
    SAYS(pselect6, 0l, NULL, NULL, NULL, &none, nowhere);
    struct epoll_event event = {EPOLLIN, {0}};
    int const set = epoll_create1(0), other = epoll_create1(0);
    SAYS(epoll_create, 0l);
    SAYS(epoll_create, -1l);
    SAYS(epoll_create1, 77l);
    SAYS(epoll_ctl, NO, EPOLL_CTL_ADD, ends[0], &event);
    SAYS(epoll_ctl, set, EPOLL_CTL_ADD, NO, &event);
    SAYS(epoll_ctl, set, EPOLL_CTL_ADD, set, &event);
    SAYS(epoll_ctl, set, EPOLL_CTL_ADD, file, &event);
    SAYS(epoll_ctl, file, EPOLL_CTL_ADD, ends[0], &event);
    SAYS(epoll_ctl, set, 77l, ends[0], &event);
    SAYS(epoll_ctl, set, EPOLL_CTL_ADD, ends[0], nowhere);
    SAYS(epoll_ctl, set, EPOLL_CTL_MOD, ends[0], &event);
    SAYS(epoll_ctl, set, EPOLL_CTL_DEL, ends[0], &event);
    SAYS(epoll_ctl, set, EPOLL_CTL_ADD, ends[0], &event);
    SAYS(epoll_ctl, set, EPOLL_CTL_ADD, ends[0], &event);
    SAYS(epoll_ctl, other, EPOLL_CTL_ADD, set, &event);
    SAYS(epoll_ctl, set, EPOLL_CTL_ADD, other, &event);
    SAYS(epoll_wait, NO, buffer, 1l, 0l);
    SAYS(epoll_wait, file, buffer, 1l, 0l);
    SAYS(epoll_wait, set, buffer, 0l, 0l);
    SAYS(epoll_wait, set, buffer, -1l, 0l);
    SAYS(epoll_pwait, set, buffer, 1l, 0l, buffer, 4l);
    SAYS(epoll_pwait, set, buffer, 1l, 0l, nowhere, 8l);
    CHECK(write(ends[1], "x", 1) == 1);
    SAYS(epoll_wait, set, nowhere, 1l, 0l);
    int const counter = (int)syscall(SYS_eventfd2, 0l, 04000l);
    SAYS(read, counter, buffer, 8l);
    SAYS(read, counter, buffer, 4l);
    SAYS(write, counter, buffer, 4l);
    unsigned long const all = -1ul;
    SAYS(write, counter, &all, 8l);
    SAYS(eventfd, 0l);
}

static void semaphores(void) {
    struct sembuf operation = {77, 1, 0}, waits = {0, -1, IPC_NOWAIT};
    struct timespec bad = {0, 2000000000}, none = {0, 0};
    SAYS(semget, IPC_PRIVATE, 0l, 0600l);
    SAYS(semget, IPC_PRIVATE, -1l, 0600l);
    SAYS(semget, IPC_PRIVATE, 1000000l, 0600l);
    SAYS(semget, 0x7777777l, 1l, 0l);
    int const semaphores = (int)syscall(SYS_semget, IPC_PRIVATE, 2l, 0600l);
    SAYS(semop, semaphores, &operation, 1l);
    SAYS(semop, semaphores, &waits, 1l);
    SAYS(semop, semaphores, &operation, 0l);
    SAYS(semop, semaphores, &operation, 100000l);
    SAYS(semop, semaphores, nowhere, 1l);
    SAYS(semop, -1l, &waits, 1l);
    waits.sem_flg = 0;
    SAYS(semtimedop, semaphores, &waits, 1l, &bad);
    SAYS(semtimedop, semaphores, &waits, 1l, &none);
    SAYS(semtimedop, semaphores, &waits, 1l, nowhere);
    SAYS(semctl, semaphores, 77l, GETVAL, 0l);
    SAYS(semctl, semaphores, 0l, SETVAL, 100000l);
    SAYS(semctl, semaphores, 0l, SETVAL, -1l);
    SAYS(semctl, semaphores, 0l, 7777l, 0l);
    SAYS(semctl, semaphores, 0l, GETALL, nowhere);
    SAYS(semctl, semaphores, 0l, IPC_STAT, nowhere);
    SAYS(semctl, -1l, 0l, GETVAL, 0l);
    SAYS(semctl, semaphores, 0l, IPC_RMID, 0l);
    SAYS(semop, semaphores, &waits, 1l);
}

static void sockets(int file) {
    struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "/tmp/no_such_socket"};
    struct sockaddr_un odd = {.sun_family = 77, .sun_path = "x"};
    socklen_t size = sizeof(address);
    int pair[2], other[2];
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
    int const stream = socket(AF_UNIX, SOCK_STREAM, 0), datagram = socket(AF_UNIX, SOCK_DGRAM, 0);
    SAYS(socket, 777l, SOCK_STREAM, 0l);
    SAYS(socket, AF_UNIX, 77l, 0l);
    SAYS(socket, AF_UNIX, SOCK_STREAM, 77l);
    SAYS(socketpair, AF_UNIX, SOCK_STREAM, 0l, nowhere);
    SAYS(socketpair, AF_UNIX, 77l, 0l, other);
    SAYS(socketpair, 777l, SOCK_STREAM, 0l, other);
    SAYS(bind, NO, &address, size);
    SAYS(bind, file, &address, size);
    SAYS(bind, stream, &odd, size);
    SAYS(bind, stream, nowhere, size);
    SAYS(bind, stream, &address, 1000l);
    address.sun_path[4] = 'X';
    strcpy(address.sun_path, "/gone/socket");
    SAYS(bind, stream, &address, size);
    strcpy(address.sun_path, "/tmp");
    SAYS(bind, stream, &address, size);
    SAYS(connect, stream, &address, size);
    SAYS(listen, NO, 1l);
    SAYS(listen, file, 1l);
    SAYS(listen, stream, 1l);
    SAYS(listen, datagram, 1l);
    strcpy(address.sun_path, "/tmp/no_such_socket");
    SAYS(connect, NO, &address, size);
    SAYS(connect, file, &address, size);
    SAYS(connect, stream, &address, size);
    SAYS(connect, stream, &odd, size);
    SAYS(connect, stream, nowhere, size);
    SAYS(connect, stream, &address, 1l);
    SAYS(connect, pair[0], &address, size);
    SAYS(accept, NO, NULL, NULL);
    SAYS(accept, file, NULL, NULL);
    SAYS(accept, stream, NULL, NULL);
    SAYS(accept, datagram, NULL, NULL);
    SAYS(accept4, stream, NULL, NULL, 77l);
    SAYS(accept4, NO, NULL, NULL, 0l);
    SAYS(sendto, NO, buffer, 1l, 0l, NULL, 0l);
    SAYS(sendto, file, buffer, 1l, 0l, NULL, 0l);
    SAYS(sendto, stream, buffer, 1l, MSG_NOSIGNAL, NULL, 0l);
    SAYS(sendto, datagram, buffer, 1l, 0l, NULL, 0l);
    SAYS(sendto, datagram, buffer, 1l, 0l, &address, size);
    SAYS(sendto, datagram, buffer, 1l, 0l, &odd, size);
    SAYS(sendto, pair[0], nowhere, 1l, 0l, NULL, 0l);
    SAYS(sendto, pair[0], buffer, 1l, 0l, &address, size);
    SAYS(recvfrom, NO, buffer, 1l, 0l, NULL, NULL);
    SAYS(recvfrom, file, buffer, 1l, 0l, NULL, NULL);
    SAYS(recvfrom, stream, buffer, 1l, MSG_DONTWAIT, NULL, NULL);
    SAYS(recvfrom, datagram, buffer, 1l, MSG_DONTWAIT, NULL, NULL);
    SAYS(recvfrom, pair[0], buffer, 1l, MSG_DONTWAIT, NULL, NULL);
    struct msghdr message = {0}, too_many = {.msg_iov = (void*)buffer, .msg_iovlen = 2000};
    SAYS(sendmsg, NO, &message, 0l);
    SAYS(sendmsg, file, &message, 0l);
    SAYS(sendmsg, pair[0], nowhere, 0l);
    SAYS(sendmsg, pair[0], &too_many, 0l);
    SAYS(recvmsg, NO, &message, 0l);
    SAYS(recvmsg, file, &message, 0l);
    SAYS(recvmsg, pair[0], nowhere, MSG_DONTWAIT);
    SAYS(recvmsg, pair[0], &too_many, MSG_DONTWAIT);
    SAYS(shutdown, NO, 0l);
    SAYS(shutdown, file, 0l);
    SAYS(shutdown, pair[0], 77l);
    SAYS(shutdown, stream, 0l);
    SAYS(getsockname, NO, buffer, &size);
    SAYS(getsockname, file, buffer, &size);
    SAYS(getsockname, stream, nowhere, &size);
    SAYS(getsockname, stream, buffer, nowhere);
    SAYS(getpeername, NO, buffer, &size);
    SAYS(getpeername, file, buffer, &size);
    SAYS(getpeername, stream, buffer, &size);
    SAYS(getpeername, pair[0], buffer, nowhere);
    SAYS(getsockopt, NO, SOL_SOCKET, SO_TYPE, buffer, &size);
    SAYS(getsockopt, file, SOL_SOCKET, SO_TYPE, buffer, &size);
    SAYS(getsockopt, stream, SOL_SOCKET, SO_TYPE, buffer, nowhere);
    SAYS(getsockopt, stream, SOL_SOCKET, 7777l, buffer, &size);
    SAYS(setsockopt, NO, SOL_SOCKET, SO_REUSEADDR, buffer, 4l);
    SAYS(setsockopt, file, SOL_SOCKET, SO_REUSEADDR, buffer, 4l);
    SAYS(setsockopt, stream, SOL_SOCKET, 7777l, buffer, 4l);
    SAYS(setsockopt, stream, SOL_SOCKET, SO_REUSEADDR, buffer, 1l);
    SAYS(setsockopt, stream, SOL_SOCKET, SO_REUSEADDR, nowhere, 4l);
    SAYS(setsockopt, stream, 777l, 1l, buffer, 4l);
    SAYS(lseek, stream, 0l, SEEK_SET);
    SAYS(pread64, pair[0], buffer, 1l, 0l);
    SAYS(read, stream, buffer, 1l);
    SAYS(ftruncate, stream, 0l);
    SAYS(open, "/proc/self/fd/99", O_RDONLY);
}

int main(void) {
    int ends[2], file = open("/proc/self/exe", O_RDONLY);
    CHECK(pipe(ends) == 0 && file >= 0);
    sets(file, ends);
    semaphores();
    sockets(file);
    DONE;
}
