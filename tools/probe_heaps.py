#!/usr/bin/env python3
"""Runs programs that misuse their heap, with this project's heap and with others.

A mistake is caught if the heap's report names the block (for other heaps: if the program is ended), if
the program faults, or if the heap's ways make the mistake harmless. The same without the mistake must
pass. --record writes the table to bench/probes.md.
"""

import argparse
import collections
import concurrent.futures
import dataclasses
import os
import re
import signal
import subprocess
import sys

import bench_heap
import quarry_qemu as qemu

SLACK = 64  # a report may name what lies so close to the block
HARM_PREVENTED = 10
HUNG_SECONDS = 20  # some heaps do, over some mistakes


@dataclasses.dataclass(frozen=True)
class Probe:
    """One mistake, in one size, by one thread."""
    name: str
    size: str
    thread: str

    def run(self, heap: str, library: str, how: str) -> subprocess.CompletedProcess:
        """Runs it with a heap; how: mistake or twin."""
        environment = dict(os.environ, LD_PRELOAD=library, LC_ALL="C", SLAB_ON_ERROR="abort",
                           SLAB_HARDENED="1" if heap == "hardened" else "0")
        program = str(qemu.build_directory() / "tests" / "probes" / "heap_probes")
        command = [program, self.name, self.size, self.thread, how]
        try:
            return subprocess.run(command, check=False, capture_output=True, text=True,
                                  errors="replace", env=environment, timeout=HUNG_SECONDS)
        except subprocess.TimeoutExpired:
            return subprocess.CompletedProcess(command, 0, "", "hung")  # nothing was caught


def probes() -> list[Probe]:
    """All there are."""
    program = str(qemu.build_directory() / "tests" / "probes" / "heap_probes")
    text = subprocess.run([program], check=True, capture_output=True, text=True).stdout
    return [Probe(*line.split("\t")) for line in text.splitlines()]


def names_the_block(result: subprocess.CompletedProcess) -> bool:
    """Whether a report has an address in or next to what the probe announced last."""
    announced = re.findall(r"^(\d+) (\d+)$", result.stdout, re.MULTILINE)
    if not announced:
        return False
    begin, length = map(int, announced[-1])
    reported = re.search(r"^slab: .*: 0x([0-9a-f]+)", result.stderr, re.MULTILINE)
    return bool(reported) and begin - SLACK <= int(reported.group(1), 16) <= begin + length + SLACK


def is_caught(heap: str, result: subprocess.CompletedProcess) -> bool:
    """Whether the mistake was noticed or did no harm."""
    if result.returncode in (-signal.SIGSEGV, -signal.SIGBUS, HARM_PREVENTED):
        return True
    if heap in bench_heap.OURS:
        return result.returncode == -signal.SIGABRT and names_the_block(result)
    return result.returncode < 0


@dataclasses.dataclass
class Found:
    """What became of a heap's probes."""
    caught: dict[Probe, bool]
    twins_that_failed: list[str]

    def count(self, name: str = "") -> int:
        """How many were caught, of all or of a kind."""
        return sum(caught for probe, caught in self.caught.items() if name in ("", probe.name))


def probe_heap(heap: str, library: str) -> Found:
    """Runs every probe and its twin."""
    every = probes()
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        mistakes = list(pool.map(lambda probe: probe.run(heap, library, "mistake"), every))
        twins = list(pool.map(lambda probe: probe.run(heap, library, "twin"), every))
    failed = [f"{probe.name}, {probe.size}, {probe.thread}: {twin.returncode} {twin.stderr[:200]}"
              for probe, twin in zip(every, twins) if twin.returncode not in (0, HARM_PREVENTED)]
    return Found({probe: is_caught(heap, result) for probe, result in zip(every, mistakes)}, failed)


def table(results: dict[str, Found]) -> str:
    """Markdown: a row for each kind of mistake, a column for each heap."""
    kinds = collections.Counter(probe.name for probe in next(iter(results.values())).caught)
    lines = [f"| mistake | probes | {' | '.join(results)} |", "|---|---:|" + "---:|" * len(results)]
    for kind, count in kinds.items():
        cells = " | ".join(str(found.count(kind)) for found in results.values())
        lines.append(f"| {kind} | {count} | {cells} |")
    totals = " | ".join(f"**{found.count()}**" for found in results.values())
    return "\n".join([*lines, f"| **all** | **{sum(kinds.values())}** | {totals} |"])


def main() -> int:
    """Probes the heaps and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("--heaps", default="", help="these only, with commas between them")
    parser.add_argument("--missed", action="store_true", help="list what was not caught")
    parser.add_argument("--record", action="store_true", help="write bench/probes.md")
    arguments = parser.parse_args()
    results = {}
    for heap, library in bench_heap.found_heaps(arguments.heaps).items():
        if heap == "unchecked":
            continue
        if not heap.endswith("again"):
            print(f"probe-heaps: {heap}...", file=sys.stderr)
            results[heap] = probe_heap(heap, library)
    text = table(results)
    print(text)
    for heap, found in results.items():
        for twin in found.twins_that_failed:
            print(f"{heap}: without a mistake, yet failed: {twin}")
        if arguments.missed:
            for probe, caught in found.caught.items():
                if not caught:
                    print(f"{heap}: not caught: {probe.name}, {probe.size} bytes, {probe.thread} thread")
    if arguments.record:
        head = ("# Mistakes that heaps catch\n\n"
                "Printed by `make probe-heaps`; docs/heap.md says what counts.\n\n")
        (qemu.ROOT / "bench" / "probes.md").write_text(head + text + "\n", encoding="utf-8")
    return 1 if any(results[heap].twins_that_failed for heap in bench_heap.OURS if heap in results) else 0


if __name__ == "__main__":
    sys.exit(main())
