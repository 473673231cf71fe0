#!/usr/bin/env python3
"""Counts the instructions of a pair of an allocation and a free with this project's heap and with others,
under LD_PRELOAD, by callgrind.

A count is of the loop, too, and of the jump through the procedure linkage table: the difference between
two runs of which one makes more pairs, by that many. It does not depend on the machine's speed or load.
"""

import argparse
import concurrent.futures
import os
import pathlib
import re
import shutil
import subprocess
import sys

import bench_heap
import quarry_qemu as qemu

KINDS = {  # as bench/heap_pairs.cpp names them
    "repeated": "64 bytes, `malloc` and `free`",
    "queue": "the same, 1,024 live, first in, first out",
    "new": "64 bytes, `new` and sized `delete`",
    "inlined": "64 bytes, `slab::Heap`, inlined",
    "inlined-told": "the same, the free is told the size",
    "inlined-told-queue": "the same, 4,096 live, first in, first out",
    "calloc": "64 bytes, `calloc` and `free`",
    "aligned": "64 bytes, `aligned_alloc` at a multiple of 64, and `free`",
    "large": "32 KiB, `malloc` and `free`",
    "random-larger": "1 to 32 KiB, 2,000 live, at random",
    "random-1e3": "16 to 127 bytes, 1,000 live, at random",
    "random-1e5": "the same, 100,000 live",
    "random-1e6": "the same, 1,000,000 live",
    "random-1e7": "the same, 10,000,000 live",
}
LONG = ("random-1e7",)  # a minute each: not for grading
OURS_ONLY = ("inlined", "inlined-told", "inlined-told-queue")  # of a heap that is not preloaded
UNCHECKED = "unchecked"
FEW, MORE = 20_000, 100_000
FIRST = {  # until most that lives was replaced
    "random-1e5": 300_000,
    "random-1e6": 3_000_000,
    "random-1e7": 30_000_000,
}
RECORD = qemu.ROOT / "bench" / "pairs.md"


def instructions(kind: str, pairs: int, heap: str, library: str) -> int:
    """Of one run of the program."""
    program = qemu.build_directory() / "bench" / f"heap_pairs{'_unchecked' if heap == UNCHECKED else ''}"
    settings = dict(os.environ, SLAB_HARDENED="1" if heap == "hardened" else "0")
    if library:
        settings["LD_PRELOAD"] = library
    command = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", str(program), kind,
               str(pairs)]
    done = subprocess.run(command, env=settings, check=False, capture_output=True, text=True)
    found = re.search(r"Collected : (\d+)", done.stderr)
    if done.returncode != 0 or not found:
        sys.exit(f"bench-pairs: {kind} with {library or 'glibc'} ended with {done.returncode}\n"
                 f"{done.stderr}")
    return int(found.group(1))


def count(kind: str, heap: str, library: str) -> float:
    """Instructions a pair."""
    few = FIRST.get(kind, FEW)
    before, after = (instructions(kind, pairs, heap, library) for pairs in (few, few + MORE))
    return (after - before) / MORE


def table(heaps: dict[str, str]) -> str:
    """All kinds and heaps, as Markdown."""
    jobs = [(kind, name) for kind in KINDS for name in heaps
            if name in ("quarry", UNCHECKED) or kind not in OURS_ONLY]
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        counts = dict(zip(jobs, pool.map(
            lambda job: count(*job, heaps[job[1]]), jobs), strict=True))
    lines = [f"| a pair of | {' | '.join(heaps)} |", "|---|" + "---:|" * len(heaps)]
    for kind, text in KINDS.items():
        cells = [f"{counts[kind, name]:.1f}" if (kind, name) in counts else "–" for name in heaps]
        lines.append(f"| {text} | {' | '.join(cells)} |")
    return "\n".join(lines)


def recorded() -> dict[str, float]:
    """This project's counts as they were last recorded, by row."""
    rows = re.findall(r"^\| (.+?) \| ([\d.]+) \|", RECORD.read_text(encoding="utf-8"), re.MULTILINE)
    return {text: float(value) for text, value in rows}


def main() -> int:
    """Counts and prints."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("--heaps", default="", help="these only, with commas between them")
    parser.add_argument("--record", action="store_true", help=f"write {RECORD.relative_to(qemu.ROOT)}")
    arguments = parser.parse_args()
    if shutil.which("valgrind") is None:
        sys.exit("bench-pairs: valgrind is not installed; `make setup` installs it")
    heaps = bench_heap.found_heaps(arguments.heaps)
    heaps.pop(bench_heap.CONTROL + " again", None)
    heaps.pop("scudo", None)  # does not run under valgrind
    text = table(heaps)
    print(text)
    if arguments.record:
        RECORD.write_text("# Instructions of a pair\n\nPrinted by `make bench-pairs`: callgrind's counts, "
                          "the loop and the calls' jumps included. docs/measuring.md says how.\n\n"
                          + text + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
