#!/usr/bin/env python3
"""Counts what things cost, in guest instructions, and prints a table as Markdown. Repeatable to the
instruction: one processor, -icount. With --record the table goes to bench/results.md."""

import argparse
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


def build_plugin(folder: str) -> str:
    """Compiles the counting plugin."""
    plugin = f"{folder}/count_plugin.so"
    subprocess.run(["gcc", "-O2", "-shared", "-fPIC", "-o", plugin,
                    str(qemu.ROOT / "bench" / "count_plugin.c")], check=True)
    return plugin


def count(machine: str) -> tuple[tuple[int, int], dict[int, list[int]]]:
    """One run: boot (N, raw), and for each marker [samples, least, median, greatest, raw median]."""
    with tempfile.TemporaryDirectory() as folder:
        archive, out = pathlib.Path(folder) / "archive", pathlib.Path(folder) / "counts"
        qemu.make_archive(archive, ["bench_native"], {})
        plugin = build_plugin(folder)
        result = qemu.run(["-kernel", str(qemu.kernel()), "-initrd", str(archive), "-append",
                           "bench_native"], machine=machine, extra=["-plugin", f"{plugin},out={out}"])
        if result.exit_status() != 0:
            sys.exit(f"bench: {result.how()}\n{result.console}")
        boot, markers = (0, 0), {}
        for line in out.read_text(encoding="ascii").splitlines():
            words = line.split()
            if words[0] == "boot":
                boot = (int(words[1]), int(words[2]))
            else:
                markers[int(words[1])] = [int(word) for word in words[2:]]
        return boot, markers


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


def main() -> int:
    """Parses the command line and counts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--record", action="store_true", help="write bench/results.md")
    arguments = parser.parse_args()
    print("Counting (two runs, a few seconds each)...", file=sys.stderr)
    text = table()
    if text != table():
        print("bench: two runs differ; the counts are not repeatable", file=sys.stderr)
        return 1
    print(text)
    if arguments.record:
        (qemu.ROOT / "bench" / "results.md").write_text(
            "# What things cost\n\nGuest instructions, median of 100, a string instruction counted "
            "once; raw counts its every iteration.\nPrinted by `make bench`; docs/measuring.md says "
            f"how.\n\n{text}\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
