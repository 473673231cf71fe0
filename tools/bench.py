#!/usr/bin/env python3
"""Counts what things cost, in guest instructions, and prints a table as Markdown. Repeatable to the
instruction: one processor, -icount. With --record the table goes to bench/results.md."""

import argparse
import bisect
import collections
import pathlib
import subprocess
import sys
import tempfile

import quarry_qemu as qemu

# Marker: (operation, JOS -O2 on the same emulator, from the solution described in docs/measuring.md).
ROWS = {
    1: ("null call", "454"),
    2: ("`page_alloc` + `page_unmap`, one page", "1,223 (2,281)"),
    3: ("`page_alloc` + `page_unmap`, 256 pages", "–"),
    4: ("the same for one page alone in its tables", "–"),
    5: ("warm `malloc` + `free` of 64 bytes", "109"),
    6: ("`malloc` of 64 bytes, refills included", "–"),
}

# The kernel's mechanisms: (operation, pages or calls in it, at most, aim, JOS -O2, seL4, Linux 6.1).
KERNEL_ROWS = {
    1: ("null call", 1, 40, 25, "454", "253", "299"),
    7: ("trap, user handler, resume: assembly handler", 1, 60, 45, "550", "1,296", "3,366"),
    8: ("the same, C++ handler", 1, None, None, "", "", ""),
    9: ("user-level demand page, C++ handler", 1, 160, 120, "1,181", "2,068", "5,176"),
    10: ("map one page", 1, 80, 50, "765", "780", "2,699"),
    11: ("re-protect one page", 2, 80, 50, "765", "779", "2,699"),
    12: ("batch map, a page of 256", 256, 20, 14, "–", "–", "2,765"),
    13: ("batch unmap, a page of 256", 256, 12, 6, "–", "–", "1,003"),
    14: ("move 256 pages, a page", 256, 20, 10, "–", "–", "97"),
    15: ("IPC round trip, two spaces, 4 words", 1, 160, 110, "11,250", "451", "8,337"),
    16: ("the same with vector state", 1, None, None, "", "", ""),
    17: ("directed yield, round trip", 1, 130, 100, "10,059", "–", "3,505"),
    18: ("fork + exit + wait", 1, 15_000, 8_000, "48,685", "–", "135,183"),
}


# Work that processors do at once, each its own: (operation, marker).
SCALING_ROWS = {20: "`page_alloc` + `page_unmap`, one page", 21: "user-level demand page, C++ handler",
                22: "IPC round trip, one space"}
SCALING_PROCESSORS = (1, 2, 4, 8)
SCALING_UNITS = 2000  # of bench/scaling.cpp
SCALING_LIMIT = 1.10  # the most that a unit may cost more than on one processor


def build_plugin(folder: str) -> str:
    """Compiles the counting plugin."""
    plugin = f"{folder}/count_plugin.so"
    subprocess.run(["gcc", "-O2", "-shared", "-fPIC", "-o", plugin,
                    str(qemu.ROOT / "bench" / "count_plugin.c")], check=True)
    return plugin


def run_counted(machine: str, program: str, words: str = "", processors: int = 1,
                options: str = "") -> list[list[str]]:
    """One run: what the plugin printed, in words."""
    with tempfile.TemporaryDirectory() as folder:
        archive, out = pathlib.Path(folder) / "archive", pathlib.Path(folder) / "counts"
        qemu.make_archive(archive, [program], {})
        plugin = build_plugin(folder)
        result = qemu.run(["-kernel", str(qemu.kernel()), "-initrd", str(archive), "-append",
                           f"{program} {words}".strip()], machine=machine,
                          extra=["-plugin", f"{plugin},out={out}{options}"],
                          processors=processors, repeatable=True)  # counted: in turns
        if result.exit_status() != 0:
            sys.exit(f"bench: {result.how()}\n{result.console}")
        return [line.split() for line in out.read_text(encoding="ascii").splitlines()]


def count(machine: str, program: str = "bench_native", words: str = "",
          processors: int = 1) -> tuple[tuple[int, int], dict[int, list[int]]]:
    """One run: boot (N, raw), and for each marker [samples, least, median, greatest, raw median]."""
    boot, markers = (0, 0), {}
    for what, *numbers in run_counted(machine, program, words, processors):
        if what == "boot":
            boot = (int(numbers[0]), int(numbers[1]))
        elif what == "marker":
            markers[int(numbers[0])] = [int(number) for number in numbers[1:]]
    return boot, markers


def functions(program: str) -> list[tuple[int, str]]:
    """(address, demangled name) of the functions of kernel and program, ascending."""
    found = []
    for elf in (qemu.kernel(), qemu.build_directory() / "bench" / f"program_{program}"):
        listing = subprocess.run(["llvm-nm-19", "--demangle", "--defined-only", str(elf)],
                                 check=True, capture_output=True, text=True).stdout
        for line in listing.splitlines():
            address, kind, name = line.split(" ", 2)
            if kind in "tTwW":
                found.append((int(address, 16), name.replace("(anonymous namespace)::", "")))
    return sorted(found)


def profile(marker: int) -> str:
    """Where the instructions of a row are, a line a function."""
    program = "bench_kernel" if marker in KERNEL_ROWS else "bench_native"
    symbols = functions(program)
    addresses = [address for address, _ in symbols]
    samples, places = 0, collections.Counter[str]()
    for what, *numbers in run_counted("pc", program, options=f",profile={marker}"):
        if what == "place":
            at = bisect.bisect_right(addresses, int(numbers[0], 16)) - 1
            places[symbols[at][1]] += int(numbers[1])
        elif what == "marker" and int(numbers[0]) == marker:
            samples = int(numbers[1])
    return "\n".join(f"{executed / samples:12,.1f}  {name}" for name, executed in places.most_common()
                     if executed >= samples / 10)


def table() -> str:
    """The table, with the recorded counts of JOS beside ours."""
    boot, markers = count("pc")
    small, _ = count("microvm")
    lines = ["| operation | Quarry | raw | JOS -O2 |", "|---|---:|---:|---:|"]
    for marker, (name, jos) in ROWS.items():
        _, _, median, _, raw = markers[marker]
        lines.append(f"| {name} | {median:,} | {raw:,} | {jos} |")
    lines.append(f"| reset to the first program's `main`, million | {boot[0] / 1e6:.2f} | "
                 f"{boot[1] / 1e6:.2f} | 21.1 |")
    lines.append(f"| the same on machine microvm, million | {small[0] / 1e6:.2f} | "
                 f"{small[1] / 1e6:.2f} | – |")
    return "\n".join(lines)


def kernel_table() -> str:
    """The kernel's mechanisms, with the goals and the recorded counts of others beside ours."""
    _, markers = count("pc", "bench_kernel")
    lines = ["| operation | Quarry | raw | at most | aim | JOS -O2 | seL4 | Linux 6.1 |",
             "|---|---:|---:|---:|---:|---:|---:|---:|"]
    for marker, (name, parts, limit, aim, *peers) in KERNEL_ROWS.items():
        if marker not in markers:
            continue
        _, _, median, _, raw = markers[marker]
        digits = 1 if parts > 2 else 0
        ours = [f"{value / parts:,.{digits}f}" for value in (median, raw)]
        goals = ["–" if goal is None else str(goal) for goal in (limit, aim)]
        lines.append(f"| {' | '.join([name, *ours, *goals, *peers])} |")
    return "\n".join(lines)


def scaling() -> dict[str, list[float]]:
    """Instructions of all processors for a unit of work, for each number of processors."""
    runs = [count("pc", "bench_scaling", str(number), number)[1] for number in SCALING_PROCESSORS]
    return {name: [markers[marker][2] / (SCALING_UNITS * number)
                   for markers, number in zip(runs, SCALING_PROCESSORS)]
            for marker, name in SCALING_ROWS.items()}


def scaling_table() -> str:
    """The same as Markdown."""
    heads = " | ".join(f"{number}" for number in SCALING_PROCESSORS)
    lines = [f"| a unit of work on so many processors at once | {heads} |",
             "|---|" + "---:|" * len(SCALING_PROCESSORS)]
    for name, costs in scaling().items():
        lines.append(f"| {name} | {' | '.join(f'{cost:,.0f}' for cost in costs)} |")
    return "\n".join(lines)


def main() -> int:
    """Parses the command line and counts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kernel", action="store_true", help="only the kernel's mechanisms")
    parser.add_argument("--scaling", action="store_true", help="only work on 1 to 8 processors")
    parser.add_argument("--record", action="store_true", help="write bench/results.md")
    parser.add_argument("--profile", type=int, metavar="ROW", choices=sorted({*ROWS, *KERNEL_ROWS}),
                        help="where the instructions of a row are, by its number in this file")
    arguments = parser.parse_args()
    if arguments.profile:
        print(profile(arguments.profile))
        return 0
    if arguments.kernel:
        print(f"{kernel_table()}\n\n{scaling_table()}")
        return 0
    if arguments.scaling:
        print(scaling_table())
        return 0
    print("Counting (two runs, a few seconds each)...", file=sys.stderr)
    text, kernel = table(), kernel_table()
    shared = scaling_table()
    if (text, kernel, shared) != (table(), kernel_table(), scaling_table()):
        print("bench: two runs differ; the counts are not repeatable", file=sys.stderr)
        return 1
    print(f"{text}\n\n{kernel}\n\n{shared}")
    if arguments.record:
        (qemu.ROOT / "bench" / "results.md").write_text(
            "# What things cost\n\nGuest instructions, median of 100, a string instruction counted "
            "once; raw counts its every iteration.\nPrinted by `make bench`; docs/measuring.md says "
            f"how.\n\n{text}\n\n## The kernel's mechanisms\n\nPrinted by `make bench-kernel`, with the "
            f"goals and what others need on the same emulator.\n\n{kernel}\n\n## Several processors\n\n"
            "Instructions of all processors but while they idle, for a unit of work; each has its own. To "
            f"grow by at most a tenth.\n\n{shared}\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
