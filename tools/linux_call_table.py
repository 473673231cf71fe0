#!/usr/bin/env python3
"""Prints docs/linux-calls.md from the declarations of user/linux/call_table.cpp: each call, who serves it,
what its arguments are, and which tests use it. --write writes it."""

import argparse
import re
import sys

import quarry_qemu as qemu

TABLE = qemu.ROOT / "user" / "linux" / "call_table.cpp"
PAGE = qemu.ROOT / "docs" / "linux-calls.md"
TESTS = qemu.ROOT / "tests" / "linux"

# What is served only in part, in a line each.
NOTES = {
    "clone": "threads (`CLONE_THREAD`) and forks; with `CLONE_VM` alone the pages that were there are shared",
    "clone3": "as `clone`; the stack's size is taken from the structure",
    "fcntl": "DUPFD, GETFD, SETFD, GETFL, SETFL, pipe sizes, locks (no EDEADLK)",
    "futex": "WAIT, WAKE, both BITSET forms, REQUEUE, CMP_REQUEUE, WAKE_OP; no priority inheritance",
    "ioctl": "termios, window size, foreground group, FIONREAD, FIONBIO, FIOCLEX",
    "madvise": "DONTNEED and FREE give pages back; other advice is accepted",
    "membarrier": "QUERY only: none is offered",
    "mmap": "anonymous and of files, private and shared, FIXED, FIXED_NOREPLACE; hints are followed",
    "mremap": "MAYMOVE, FIXED, DONTUNMAP; within one mapping",
    "prctl": "names, orphans (CHILD_SUBREAPER), PDEATHSIG; a few settings are accepted",
    "setitimer": "ITIMER_REAL",
    "setsockopt": "accepted, without effect",
    "socket": "AF_UNIX: streams, packets, datagrams",
    "sendmsg": "open files may go with it (SCM_RIGHTS), but no sockets",
    "recvmsg": "PEEK, DONTWAIT, CMSG_CLOEXEC",
    "semctl": "GETALL, SETALL, GETVAL, SETVAL, GETPID, GETNCNT, GETZCNT, IPC_STAT, IPC_RMID",
    "timer_create": "SIGEV_SIGNAL, SIGEV_NONE, SIGEV_THREAD_ID; clocks of processor time run all the time",
    "vfork": "pages that are new, or shared with an earlier child, are each one's own",
    "waitid": "P_ALL, P_PID, P_PGID",
    "renameat2": "NOREPLACE, EXCHANGE",
    "setuid": "everybody is root, and stays it",
    "setrlimit": "NOFILE, AS, DATA and STACK are kept; others are remembered",
    "prlimit64": "as `setrlimit`; of the own process",
    "setpriority": "remembered, without effect",
    "sched_setaffinity": "accepted, without effect",
    "rseq": "refused: ENOSYS, which the C libraries expect",
}

# What the tests of refusals leave out: calls that cannot fail, and those that are refused whatever they say.
NEVER_REFUSED = set("""brk rt_sigreturn sched_yield pause alarm getpid fork vfork exit umask getuid getgid
    geteuid getegid getppid getpgrp setsid setreuid setregid setresuid setresgid personality sync gettid
    set_tid_address exit_group""".split())
ALWAYS_REFUSED = set("""settimeofday mount umount2 reboot sethostname setdomainname clock_settime inotify_init
    inotify_init1 signalfd4 rseq io_uring_setup pidfd_open openat2""".split())


def without_refusals() -> list[str]:
    """Calls of which no test says what they refuse."""
    programs = TESTS / "programs"
    text = "".join(path.read_text(encoding="utf-8") for path in programs.glob("*_refuse_as_linux_does.c"))
    named = set(re.findall(r"SAYS\((\w+)", text)) | set(re.findall(
        r"SYS_(\w+)", (programs / "bad_pointers_give_efault.c").read_text(encoding="utf-8")))
    return [name for _, name, *_ in rows() if name not in named | NEVER_REFUSED | ALWAYS_REFUSED]


def rows() -> list[tuple[int, str, str, str, str, str]]:
    """Number, name, who serves it, arguments, tests, notes."""
    numbers = dict(re.findall(r"^#define __NR_(\w+) (\d+)$",
                              open("/usr/include/x86_64-linux-gnu/asm/unistd_64.h", encoding="ascii").read(),
                              re.MULTILINE))
    text = re.sub(r"\s+", " ", TABLE.read_text(encoding="utf-8"))
    sources = {path.stem: path.read_text(encoding="utf-8") for path in sorted(TESTS.glob("*/*.c*"))}
    found = []
    for name, handler, arguments in re.findall(r'\{__NR_\w+, "(\w+)", ([\w:]+), \{(.*?)\}\}', text):
        served = {"forward": "server", "calls::succeed": "accepted"}.get(handler, "library OS")
        users = [stem for stem, source in sources.items()
                 if re.search(rf"\b(SYS_)?{name}\s*\(|SYS_{name}\b|SAYS\({name}\b", source)]
        shown = ", ".join(users[:2]) + (f" and {len(users) - 2} more" if len(users) > 2 else "")
        found.append((int(numbers[name]), name, served, arguments.strip(), shown, NOTES.get(name, "")))
    return sorted(found)


def page() -> str:
    """The whole page."""
    lines = ["# Linux's calls", "", "Written by `tools/linux_call_table.py` from the declarations in "
             "[user/linux/call_table.cpp](../user/linux/call_table.cpp).",
             "Programs of the C library use most of them without naming them; the tests named do.",
             "", "| | call | served by | arguments | tests that name it | what is not all of Linux's |",
             "|---:|---|---|---|---|---|"]
    for number, name, served, arguments, users, note in rows():
        lines.append(f"| {number} | `{name}` | {served} | {arguments} | {users} | {note} |")
    return "\n".join(lines) + "\n"


def main() -> int:
    """Prints or writes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="write docs/linux-calls.md")
    parser.add_argument("--check", action="store_true",
                        help="say whether the page is current and the errors of each call are tested")
    arguments = parser.parse_args()
    if arguments.write:
        PAGE.write_text(page(), encoding="utf-8")
    elif arguments.check:
        if PAGE.read_text(encoding="utf-8") != page():
            print("docs/linux-calls.md is old: tools/linux_call_table.py --write")
            return 1
        if missing := without_refusals():
            print("tests/linux/programs/*_refuse_as_linux_does.c do not say what these refuse: "
                  + ", ".join(missing))
            return 1
    else:
        sys.stdout.write(page())
    return 0


if __name__ == "__main__":
    sys.exit(main())
