#!/usr/bin/env python3
"""Checks the sources: include arrows, formatting, floating point in the kernel, scripts, clang-tidy.
Without a name, all of them."""

import argparse
import re
import subprocess
import sys

import quarry_qemu as qemu

ROOT = qemu.ROOT

# Which rooms a room may include; docs/architecture.md draws it. Arrows point one way.
ARROWS = {
    "abi": ["abi"],
    "base": ["abi", "base"],
    "heap": ["heap"],
    "kernel": ["abi", "base", "kernel", "machine"],
    "arch/x86_64": ["abi", "base", "kernel", "machine", "arch/x86_64"],
    "arch/hosted": ["abi", "base", "kernel", "machine", "arch/x86_64/machine"],
    "user/rt": ["abi", "base", "heap", "user/rt"],
    "user/jos": ["abi", "base", "heap", "user/rt", "user/jos"],
    "user/linux": ["abi", "base", "user/rt", "user/linux"],
    "servers/linux": ["abi", "base", "heap", "user/rt", "user/linux", "servers/linux"],
    "programs": ["abi", "base", "heap", "user/rt", "programs"],
    "tests/host": ["abi", "base", "heap", "kernel", "machine", "tests/host"],
    "tests/guest": ["abi", "base", "heap", "user/rt", "tests/guest"],
    "tests/probes": ["tests/probes"],
    "tests/linux": [],
    "tests/compile_fail": ["abi", "base", "heap", "kernel", "machine"],
    "bench": ["abi", "base", "heap", "user/rt", "bench"],
    "tools": ["abi", "base"],
}


def tracked(*patterns: str) -> list[str]:
    """Files of the repository that match."""
    listing = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", "--", *patterns],
                             check=True, cwd=ROOT,
                             capture_output=True, text=True).stdout
    return [name for name in listing.splitlines() if (ROOT / name).exists()]


def room_of(path: str) -> str | None:
    """The room a file lies in."""
    found = [room for room in ARROWS if path.startswith(room + "/")]
    return max(found, key=len, default=None)


def check_includes() -> list[str]:
    """Includes that point the wrong way."""
    problems = []
    for name in tracked("*.cpp", "*.hpp", "*.S"):
        room = room_of(name)
        if room is None:
            problems.append(f"{name}: lies in no room; see ARROWS in tools/lint.py")
            continue
        text = (ROOT / name).read_text(encoding="utf-8")
        for number, line in enumerate(text.splitlines(), 1):
            found = re.match(r'#include "([^"]+)"', line)
            if found and not any(found.group(1).startswith(ok + "/") for ok in ARROWS[room]):
                problems.append(f"{name}:{number}: {room} may not include {found.group(1)}")
    return problems


def check_format() -> list[str]:
    """Files that clang-format would change."""
    result = subprocess.run(["clang-format-19", "--dry-run", "-Werror", *tracked("*.cpp", "*.hpp")],
                            check=False, cwd=ROOT, capture_output=True, text=True)
    found = sorted({line.split(":", 1)[0] for line in result.stderr.splitlines()
                    if "clang-format-violations" in line})
    return [f"{name}: not formatted; `make format` does it" for name in found]


def check_kernel() -> list[str]:
    """Floating-point and vector instructions in the kernel. Saving a program's is no use of them."""
    listing = subprocess.run(["llvm-objdump-19", "-d", "--no-show-raw-insn", str(qemu.kernel())],
                             check=True, capture_output=True, text=True).stdout
    problems = []
    function = ""
    for line in listing.splitlines():
        label = re.match(r"[0-9a-f]+ <(.+)>:", line)
        if label:
            function = label.group(1)
        if re.search(r"%([xyz]?mm\d|st\b)", line) or re.search(r"^\s*[0-9a-f]+:\s+f(?!s)", line):
            problems.append(f"kernel: {function}: {line.strip()}")
    if "<quarry_boot>:" not in listing:
        problems.append("kernel: the disassembly is empty")
    return problems


def check_scripts() -> list[str]:
    """Scripts that do not parse, lack --help, or have long lines."""
    problems = []
    for name in tracked("tools/*.py", "tools/grading/*.py", "tools/*.sh"):
        text = (ROOT / name).read_text(encoding="utf-8")
        parse = ["python3", "-m", "py_compile", name] if name.endswith(".py") else ["sh", "-n", name]
        result = subprocess.run(parse, check=False, cwd=ROOT, capture_output=True, text=True)
        problems += [f"{name}: {result.stderr.strip()}"] if result.returncode else []
        is_tool = text.startswith("#!")
        if is_tool and "--help" not in text and "argparse" not in text:
            problems.append(f"{name}: no --help")
        problems += [f"{name}:{n}: longer than 110 columns" for n, line in
                     enumerate(text.splitlines(), 1) if len(line) > 110]
    return problems


def check_tidy() -> list[str]:
    """What clang-tidy says of the kernel, the heap and the runtime."""
    files = [name for name in tracked("base/*.cpp", "kernel/*.cpp", "arch/*.cpp", "user/*.cpp",
                                      "servers/*.cpp", "programs/*.cpp")]
    result = subprocess.run(
        ["xargs", "-P", "2", "-n", "4", "clang-tidy-19", "--quiet", "-p",
         str(qemu.build_directory())], input="\n".join(files), check=False, cwd=ROOT,
        capture_output=True, text=True)
    lines = [line for line in result.stdout.splitlines() if re.search(r": (warning|error):", line)]
    return sorted(set(lines))


CHECKS = {"includes": check_includes, "format": check_format, "kernel": check_kernel,
          "scripts": check_scripts, "tidy": check_tidy}


def main() -> int:
    """Parses the command line and checks."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("check", nargs="*", help='of ' + ', '.join(CHECKS) + ' (default: all)')
    names = parser.parse_args().check or list(CHECKS)
    failed = False
    for name in names:
        problems = CHECKS[name]()
        print(f"{name}: {'clean' if not problems else f'{len(problems)} problems'}", flush=True)
        for problem in problems[:60]:
            print(f"  {problem}")
        failed = failed or bool(problems)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
