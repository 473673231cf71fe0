#!/usr/bin/env python3
"""Counts what Linux's system calls cost, in guest instructions: the same static program in Quarry and on
Debian's cloud kernel, under the same emulator. Prints both columns side by side; --record writes
bench/linux.md."""

import argparse
import pathlib
import subprocess
import sys
import tempfile

import bench
import linux_root
import quarry_qemu as qemu

# Marker: (operation, what it is divided by, the most that the ratio should be).
ROWS = {
    40: ("`getpid`", 1, 1.0),
    41: ("`mmap`, touch, `munmap`: one page", 1, 0.1),
    42: ("the same, 256 pages: a page", 256, 0.1),
    43: ("page fault", 1, 0.1),
    44: ("`mprotect`, SIGSEGV, `mprotect`, return", 1, 0.1),
    45: ("`mremap` of 256 pages: a page", 256, 1.0),
    46: ("`fork`, `_exit`, `waitpid`", 1, 1.0),
    47: ("`fork`, `execve`, `waitpid`", 1, 1.0),
    48: ("pipe, there and back", 1, 1.0),
    49: ("futex, there and back", 1, 1.0),
    50: ("thread created and joined", 1, 1.0),
    51: ("`pread` of 4 KiB", 1, 1.0),
    52: ("`pread` of 1 MiB", 1, 1.0),
    53: ("`stat`", 1, 1.0),
    54: ("`open`, `close`", 1, 1.0),
}
RESULTS = qemu.ROOT / "bench" / "linux.md"
PROCESSOR = "max,-erms,-rdrand"  # of both: what a string instruction moves is counted once
IMAGE = "linux-image-cloud-amd64"
CACHE = qemu.ROOT / "build" / "linux-image"
OPTIONS = ("console=ttyS0 quiet panic=-1 mitigations=off init_on_alloc=0 randomize_kstack_offset=off nokaslr "
           "transparent_hugepage=never rdinit=/init")


def linux_kernel() -> pathlib.Path:
    """Debian's cloud kernel, fetched as a package and unpacked, not installed."""
    found = sorted(CACHE.glob("boot/vmlinuz-*"))
    if found:
        return found[-1]
    CACHE.mkdir(parents=True, exist_ok=True)
    print("Fetching Debian's cloud kernel...", flush=True)
    depends = subprocess.run(["apt-cache", "depends", IMAGE], check=True, capture_output=True,
                             text=True).stdout
    package = next(line.split()[-1] for line in depends.splitlines() if "Depends: linux-image-" in line)
    subprocess.run(["apt-get", "download", package], check=True, cwd=CACHE, stdout=subprocess.DEVNULL)
    for archive in CACHE.glob("*.deb"):
        subprocess.run(["dpkg", "-x", str(archive), str(CACHE)], check=True)
    return sorted(CACHE.glob("boot/vmlinuz-*"))[-1]


def read_counts(path: pathlib.Path) -> dict[int, int]:
    """Medians by marker, string instructions counted once."""
    counts = {}
    for line in path.read_text(encoding="ascii").splitlines():
        words = line.split()
        if words[0] != "boot":
            counts[int(words[1])] = int(words[4])
    return counts


def on_quarry(program: pathlib.Path, plugin: str, folder: pathlib.Path) -> dict[int, int]:
    """One run in Quarry."""
    out = folder / "quarry"
    result = linux_root.run(["/bin/linux_calls"], lambda root: root.add_program(program, "bin/linux_calls"),
                            extra=["-plugin", f"{plugin},out={out}"], processor=PROCESSOR)
    if "measured" not in result.console:
        sys.exit(f"bench_linux: {result.how()}\n{result.console}")
    return read_counts(out)


def on_linux(program: pathlib.Path, plugin: str, folder: pathlib.Path,
             libraries: list[pathlib.Path] | None = None) -> tuple[dict[int, int], str]:
    """One run on Linux, where the program is init: counts and console. A dynamic one sees its libraries."""
    root, archive, out = folder / "initramfs", folder / "initramfs.cpio", folder / "linux"
    (root / "dev").mkdir(parents=True)
    subprocess.run(["cp", str(program), str(root / "init")], check=True)
    for library in libraries or []:
        target = root / str(library)[1:]
        target.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(["cp", "-L", str(library), str(target)], check=True)
    names = sorted(str(path.relative_to(root)) for path in root.rglob("*"))
    subprocess.run(["mknod", str(root / "dev/console"), "c", "5", "1"], check=False)
    with open(archive, "wb") as file:
        subprocess.run(["cpio", "--quiet", "-o", "-H", "newc"], input="\n".join(names), text=True,
                       cwd=root, stdout=file, check=True)
    command = [qemu.QEMU, "-machine", "pc", "-cpu", PROCESSOR, "-accel", "tcg", "-m", "1024M",
               "-nodefaults", "-no-user-config", "-no-reboot", "-display", "none", *qemu.REPEATABLE,
               "-serial", "stdio", "-kernel", str(linux_kernel()), "-initrd", str(archive),
               "-append", OPTIONS,
               "-plugin", f"{plugin},out={out}"]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=900,
                          stdin=subprocess.DEVNULL)
    if "measured" not in done.stdout:
        sys.exit(f"bench_linux: Linux did not come to its end\n{done.stdout[-2000:]}{done.stderr}")
    return read_counts(out), done.stdout


def table(quarry: dict[int, int], linux: dict[int, int]) -> str:
    """Both columns and the ratio, which should be at most the last one."""
    lines = ["| operation | Linux 6.1 | Quarry | ratio | at most |", "|---|---:|---:|---:|---:|"]
    for marker, (name, parts, most) in ROWS.items():
        ours, theirs = quarry[marker] / parts, linux[marker] / parts
        lines.append(f"| {name} | {theirs:,.0f} | {ours:,.0f} | {ours / theirs:.3f} | {most:g} |")
    return "\n".join(lines)


def main() -> int:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--record", action="store_true", help="write bench/linux.md")
    parser.add_argument("--quarry", action="store_true", help="count only Quarry's column")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as path:
        folder = pathlib.Path(path)
        program = folder / "linux_calls"
        subprocess.run(["gcc", "-O2", "-static", str(qemu.ROOT / "bench" / "linux_calls.c"), "-o",
                        str(program)], check=True)
        plugin = bench.build_plugin(path)
        quarry = on_quarry(program, plugin, folder)
        if arguments.quarry:
            for marker, (name, parts, _) in ROWS.items():
                print(f"{name}: {quarry[marker] / parts:,.0f}")
            return 0
        text = table(quarry, on_linux(program, plugin, folder)[0])
    print(text)
    if arguments.record:
        head = ("# Linux's calls, in guest instructions\n\n`make bench-linux` prints this again: the same "
                "static program (bench/linux_calls.c)\nin Quarry and on Debian's cloud kernel 6.1, one "
                "processor, "
                "`-icount shift=0,sleep=off`, string instructions\ncounted once, medians, "
                f"`-cpu {PROCESSOR}`. Linux runs with\n`{OPTIONS}`.\n\n")
        RESULTS.write_text(head + text + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
