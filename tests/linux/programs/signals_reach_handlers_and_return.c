// Handlers, masks, the alternate stack, faults with their cause, and what a handler returns to.
#define _GNU_SOURCE
#include "../check.h"
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <ucontext.h>

static volatile sig_atomic_t count, last, code;
static void* volatile address;
static char* volatile page;
static sigjmp_buf back;

static void counted(int number) { ++count, last = number; }
static void informed(int number, siginfo_t* info, void* context) {
    (void)context;
    last = number, code = info->si_code, address = info->si_addr, ++count;
    if (number == SIGSEGV && page != NULL) mprotect(page, 4096, PROT_READ | PROT_WRITE);
}
static void jumps(int number) {
    last = number;
    siglongjmp(back, 1);
}
static void skips(int number, siginfo_t* info, void* context) {
    (void)info;
    last = number;
    ((ucontext_t*)context)->uc_mcontext.gregs[REG_RIP] += 2;  // ud2
}
static void set(int number, void (*handler)(int, siginfo_t*, void*), int flags) {
    struct sigaction action;
    memset(&action, 0, sizeof(action));
    action.sa_sigaction = handler;
    action.sa_flags = SA_SIGINFO | flags;
    CHECK(sigaction(number, &action, NULL) == 0);
}
static int on_alternate;
static char alternate[65536];
static void looks(int number) {
    char here;
    last = number;
    on_alternate = &here >= alternate && &here < alternate + sizeof(alternate);
}
static int deep(int n) {
    volatile char space[4096];
    space[0] = (char)n;
    return deep(n + 1) + space[0];
}
static void overflow(int number) {
    char here;
    last = number;
    on_alternate = &here >= alternate && &here < alternate + sizeof(alternate);
    siglongjmp(back, 1);
}
static void* other(void* argument) {
    (void)argument;
    sigset_t none;
    sigemptyset(&none);
    pthread_sigmask(SIG_SETMASK, &none, NULL);
    while (last != SIGUSR2) usleep(100);
    return NULL;
}

int main(void) {
    signal(SIGUSR1, counted);
    CHECK(raise(SIGUSR1) == 0 && count == 1 && last == SIGUSR1);
    CHECK(kill(getpid(), SIGUSR1) == 0 && count == 2);

    sigset_t set_of, old, pending;
    sigemptyset(&set_of);
    sigaddset(&set_of, SIGUSR1);
    CHECK(sigprocmask(SIG_BLOCK, &set_of, &old) == 0 && sigismember(&old, SIGUSR1) == 0);
    raise(SIGUSR1);
    CHECK(count == 2 && sigpending(&pending) == 0 && sigismember(&pending, SIGUSR1) == 1);
    CHECK(sigprocmask(SIG_SETMASK, &old, NULL) == 0 && count == 3);

    // A page that its handler makes writable.
    page = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    set(SIGSEGV, informed, 0);
    page[17] = 5;
    CHECK(count == 4 && last == SIGSEGV && address == page + 17 && code == SEGV_ACCERR && page[17] == 5);
    page = NULL;
    set(SIGSEGV, informed, SA_RESETHAND);
    signal(SIGSEGV, jumps);
    if (sigsetjmp(back, 1) == 0) *(volatile int*)8 = 1;
    CHECK(last == SIGSEGV);
    CHECK(sigprocmask(SIG_SETMASK, NULL, &old) == 0 && sigismember(&old, SIGSEGV) == 0);

    set(SIGILL, skips, 0);
    __asm__ volatile("ud2");
    CHECK(last == SIGILL);
    signal(SIGFPE, jumps);
    volatile int zero = 0;
    if (sigsetjmp(back, 1) == 0) zero = 7 / zero;
    CHECK(last == SIGFPE);
    signal(SIGTRAP, counted);
    __asm__ volatile("int3");
    CHECK(last == SIGTRAP);

    stack_t const stack = {.ss_sp = alternate, .ss_size = sizeof(alternate)};
    CHECK(sigaltstack(&stack, NULL) == 0);
    struct sigaction action;
    memset(&action, 0, sizeof(action));
    action.sa_handler = looks;
    action.sa_flags = SA_ONSTACK;
    CHECK(sigaction(SIGUSR2, &action, NULL) == 0 && raise(SIGUSR2) == 0 && on_alternate == 1);
    on_alternate = 0;
    action.sa_handler = overflow;
    CHECK(sigaction(SIGSEGV, &action, NULL) == 0);
    if (sigsetjmp(back, 1) == 0) deep(0);
    CHECK(on_alternate == 1 && last == SIGSEGV);

    // Vector registers survive a handler.
    double x = 1.5;
    signal(SIGUSR1, counted);
    for (int i = 0; i < 10; ++i) {
        x = x * 1.25;
        raise(SIGUSR1);
    }
    printf("%.6f\n", x);

    // A timer ends a sleep; with SA_RESTART a read goes on.
    signal(SIGALRM, counted);
    struct sigaction plain;
    memset(&plain, 0, sizeof(plain));
    plain.sa_handler = counted;
    CHECK(sigaction(SIGALRM, &plain, NULL) == 0);
    struct itimerval const soon = {.it_value = {0, 2000}, .it_interval = {0, 2000}}, never = {{0}};
    CHECK(setitimer(ITIMER_REAL, &soon, NULL) == 0);
    struct timespec const late = {100, 0};
    ERROR(nanosleep(&late, NULL), EINTR);
    CHECK(last == SIGALRM);
    int ends[2];
    CHECK(pipe(ends) == 0);
    char byte;
    ERROR(read(ends[0], &byte, 1), EINTR);
    CHECK(setitimer(ITIMER_REAL, &never, NULL) == 0);

    sigset_t wait_set;
    sigemptyset(&wait_set);
    sigaddset(&wait_set, SIGUSR1);
    CHECK(sigprocmask(SIG_BLOCK, &wait_set, NULL) == 0 && raise(SIGUSR1) == 0);
    int got = 0;
    CHECK(sigwait(&wait_set, &got) == 0 && got == SIGUSR1);

    // A signal for one thread.
    signal(SIGUSR2, counted);
    last = 0;
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, other, NULL) == 0);
    CHECK(pthread_kill(thread, SIGUSR2) == 0 && pthread_join(thread, NULL) == 0);

    ERROR(sigaction(SIGKILL, &plain, NULL), EINVAL);
    ERROR(sigaction(99, &plain, NULL), EINVAL);
    ERROR(kill(999999, 0), ESRCH);
    ERROR(kill(getpid(), 99), EINVAL);
    DONE;
}
