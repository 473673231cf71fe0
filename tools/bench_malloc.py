#!/usr/bin/env python3
"""Runs one allocation benchmark with several mallocs, linked statically, in Quarry and on Debian's cloud
kernel under the same emulator. Prints guest instructions and pages; --record writes bench/malloc.md."""

import argparse
import pathlib
import re
import subprocess
import sys
import tempfile

import bench
import bench_linux
import linux_root
import quarry_qemu as qemu

LIBRARIES = pathlib.Path("/usr/lib/x86_64-linux-gnu")
SLAB = qemu.build_directory() / "heap" / "libslab.a"
# Name, compiler, what is linked. Debian ships no static mimalloc: that one is linked dynamically.
MALLOCS = [("slab", "gcc", ["-static", str(SLAB)]), ("glibc", "gcc", ["-static"]),
           ("musl", "musl-gcc", ["-static"]),
           ("jemalloc", "gcc", ["-static", str(LIBRARIES / "libjemalloc.a"), "-lm", "-lstdc++", "-lpthread"]),
           ("mimalloc (dynamic)", "gcc", [str(LIBRARIES / "libmimalloc.so.2")])]
RESULTS = qemu.ROOT / "bench" / "malloc.md"


def pages_in(console: str) -> int:
    """What the program said that it took."""
    found = re.search(r"^pages (-?\d+)", console, re.MULTILINE)
    if not found:
        sys.exit(f"bench_malloc: the program did not come to its end\n{console[-2000:]}")
    return int(found.group(1))


def main() -> int:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--record", action="store_true", help="write bench/malloc.md")
    parser.add_argument("--quarry", action="store_true", help="count only in Quarry")
    arguments = parser.parse_args()
    lines = ["| malloc | Quarry: million instructions | pages | Linux: million instructions | pages |",
             "|---|---:|---:|---:|---:|"]
    with tempfile.TemporaryDirectory() as path:
        folder = pathlib.Path(path)
        plugin = bench.build_plugin(path)
        for name, compiler, links in MALLOCS:
            program, out = folder / name.split()[0], folder / f"{name}.quarry"
            subprocess.run([compiler, "-O2", "-w", str(qemu.ROOT / "bench" / "linux_malloc.c"),
                            "-o", str(program), *links], check=True, stderr=subprocess.DEVNULL)
            libraries = linux_root.libraries_of(program)

            def fill(root: linux_root.Root, program: pathlib.Path = program) -> None:
                root.add_program_with_libraries(program, "bin/program")
            result = linux_root.run(["/bin/program"], fill, extra=["-plugin", f"{plugin},out={out}"],
                                    memory_mib=512, processor=bench_linux.PROCESSOR)
            counts = bench_linux.read_counts(out)
            row = [name, f"{(counts[60] + counts[61]) / 1e6:.1f}", f"{pages_in(result.console):,}"]
            if not arguments.quarry:
                work = folder / f"{name}.folder"
                work.mkdir()
                theirs, console = bench_linux.on_linux(program, plugin, work, libraries)
                row += [f"{(theirs[60] + theirs[61]) / 1e6:.1f}", f"{pages_in(console):,}"]
            lines.append("| " + " | ".join(row) + " |")
            print(lines[-1], flush=True)
    text = "\n".join(lines)
    if arguments.record:
        head = ("# One allocation benchmark, five mallocs, two systems\n\n`make bench-malloc` prints this "
                "again: bench/linux_malloc.c, linked with each, in Quarry and on Debian's cloud\n"
                "kernel 6.1 under the same emulator. Guest instructions of the whole work, string\n"
                "instructions counted once; pages that the machine had less at the peak.\n\n")
        RESULTS.write_text(head + text + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
