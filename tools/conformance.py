#!/usr/bin/env python3
"""Runs the conformance tests of libstdc++ or libc++ in Quarry: each compiled statically, run on this machine
and in Quarry, which must end alike. The tests are in the libraries' sources, which are not part of Quarry:
libstdc++'s in Debian's gcc-12-source (unpack its tar file), libc++'s in the source of llvm-toolchain-19."""

import argparse
import concurrent.futures
import dataclasses
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

import linux_root
import quarry_qemu as qemu

BATCH_BYTES = 256 << 20
BATCH_TESTS = 150
SECONDS = 60
# What some tests want of the system: time zones; character sets, which static programs load from modules.
ZONES, LIBRARIES = "/usr/share/zoneinfo", "/usr/lib/x86_64-linux-gnu"
SYSTEM_DATA = (f"{ZONES}/tzdata.zi", f"{ZONES}/leap-seconds.list", f"{ZONES}/leapseconds", f"{ZONES}/Etc/UTC",
               "/etc/timezone", f"{LIBRARIES}/gconv", f"{LIBRARIES}/libc.so.6",
               f"{LIBRARIES}/ld-linux-x86-64.so.2")


@dataclasses.dataclass
class Test:
    """One source, and what became of it."""
    source: pathlib.Path
    name: str
    program: pathlib.Path
    shares_folder: bool  # with all tests
    data: list[pathlib.Path]
    expected: int | None = None  # status on this machine; none: it cannot be built or is not for here


class Libstdcxx:
    """GCC's, marked for DejaGnu."""

    def __init__(self, source: pathlib.Path, work: pathlib.Path) -> None:
        self.tests = source
        self.helpers = work / "libtest.a"

    def prepare(self) -> None:
        """The helpers that tests are linked with."""
        objects = []
        util = self.tests / "util"
        for helper in ("abi", "allocator", "character", "hooks"):
            target = self.helpers.parent / f"{helper}.o"
            command = ["g++", "-std=gnu++17", "-I", str(util), "-c", str(util / f"testsuite_{helper}.cc"),
                       "-o", str(target)]
            done = subprocess.run(command, check=False, capture_output=True)
            objects += [str(target)] if done.returncode == 0 else []
        subprocess.run(["ar", "rcs", str(self.helpers), *objects], check=True)

    def sources(self) -> list[pathlib.Path]:
        """Those that are run, not only compiled."""
        return [path for path in sorted(self.tests.rglob("*.cc"))
                if "dg-do" not in (text := path.read_text("utf-8", "replace")) and "main" in text
                or re.search(r"dg-do run", text)]

    def command(self, test: Test) -> list[str]:
        """How to build it."""
        text = test.source.read_text("utf-8", "replace")
        options = " ".join(re.findall(r'dg-(?:additional-)?options "([^"]*)"', text)).split()
        if not any(word.startswith("-std=") for word in options):
            wanted = re.search(r"dg-do run \{ target \{? ?\(?c\+\+(\d+)", text)
            options.insert(0, f"-std=gnu++{max(17, int(wanted.group(1))) if wanted else 17}")
        return ["g++", "-O0", "-w", "-static", "-s", "-D_GLIBCXX_ASSERT", '-DLOCALEDIR="."', "-I",
                str(self.tests / "util"), "-I", str(self.tests), *options, str(test.source),
                str(self.helpers), "-pthread", "-latomic", "-o", str(test.program)]

    def data(self, _: pathlib.Path) -> list[pathlib.Path]:
        """The files that tests read lie in one folder."""
        return sorted((self.tests / "data").iterdir())


class Libcxx:
    """LLVM's, marked for lit."""

    def __init__(self, source: pathlib.Path, _: pathlib.Path) -> None:
        self.tests = source

    def prepare(self) -> None:
        """Nothing: all is in headers."""

    def sources(self) -> list[pathlib.Path]:
        """Those that are run."""
        return [path for path in sorted((self.tests / "std").rglob("*.pass.cpp"))
                if not re.search(r"// (RUN|UNSUPPORTED:.*(c\+\+23|linux)\b)",
                                 path.read_text("utf-8", "replace"))]

    def command(self, test: Test) -> list[str]:
        """How to build it."""
        text = test.source.read_text("utf-8", "replace")
        options = " ".join(re.findall(r"// ADDITIONAL_COMPILE_FLAGS(?:\([^)]*\))?: (.*)", text)).split()
        return ["clang++-19", "-std=c++23", "-stdlib=libc++", "-O0", "-w", "-static", "-s", "-fuse-ld=lld-19",
                "-D_LIBCPP_ENABLE_EXPERIMENTAL", "-D_LIBCPP_DISABLE_DEPRECATION_WARNINGS", "-I",
                str(self.tests / "support"), *options, str(test.source), "-lc++experimental", "-pthread",
                "-latomic", "-o", str(test.program)]

    def data(self, source: pathlib.Path) -> list[pathlib.Path]:
        """The files that this test reads."""
        text = source.read_text("utf-8", "replace")
        names = " ".join(re.findall(r"// FILE_DEPENDENCIES: (.*)", text)).replace(",", " ").split()
        return [source.parent / name for name in names]


SUITES = {"libstdc++": Libstdcxx, "libc++": Libcxx}


def build_and_run_here(suite: "Libstdcxx | Libcxx", test: Test) -> None:
    """Its status on this machine; none if it is not for here."""
    try:
        if not test.program.exists():
            subprocess.run(suite.command(test), check=True, capture_output=True, timeout=600)
        with tempfile.TemporaryDirectory() as folder:
            for path in test.data:
                if path.is_dir():
                    shutil.copytree(path, pathlib.Path(folder) / path.name)
                else:
                    shutil.copy(path, folder)
            done = subprocess.run([str(test.program)], check=False, capture_output=True, cwd=folder,
                                  timeout=SECONDS, stdin=subprocess.DEVNULL,
                                  env={"PATH": "/bin", "HOME": "/root"})
        test.expected = done.returncode if done.returncode >= 0 else 128 - done.returncode
    except (subprocess.SubprocessError, OSError):
        test.expected = None


def folder_of(test: Test, index: int) -> str:
    """Where a test runs in Quarry."""
    return "suite" if test.shares_folder else f"suite/{index}"


def run_in_quarry(tests: list[Test], processors: int) -> list[tuple[Test, int | None, str]]:
    """One boot. Those that end otherwise than here, with what they print last."""
    lines = ["echo '[begin]'"]
    for index, test in enumerate(tests):
        lines += [f"cd /{folder_of(test, index)}",
                  f"timeout {SECONDS} /t/{index} < /dev/null > /tmp/out 2>&1; s=$?",
                  f"[ $s = {test.expected} ] || tail -c 600 /tmp/out; echo; echo \"[end {index} $s]\""]

    def fill(root: linux_root.Root) -> None:
        root.add_busybox()
        for index, test in enumerate(tests):
            root.add_program(test.program, f"t/{index}")
            folder = folder_of(test, index)
            (root.folder / folder).mkdir(parents=True, exist_ok=True)
            for path in test.data:
                root.add(path, f"{folder}/{path.name}")
        (root.folder / "etc/localtime").symlink_to(f"{ZONES}/Etc/UTC")
        for path in SYSTEM_DATA:
            if pathlib.Path(path).exists():
                root.add(pathlib.Path(path), path[1:])
        (root.folder / "all.sh").write_text("\n".join(lines) + "\n", encoding="ascii")

    size = sum(test.program.stat().st_size for test in tests) >> 20
    result = linux_root.run(["/bin/sh", "/all.sh"], fill, processors=processors, memory_mib=1024 + 2 * size,
                            variables=["PATH=/bin", "HOME=/root"], limit_seconds=3000, repeatable=False)
    found = {}
    last = 0
    for match in re.finditer(r"^\[end (\d+) (\d+)\]", result.console, re.MULTILINE):
        found[int(match.group(1))] = (int(match.group(2)), result.console[last:match.start()].strip()[-1500:])
        last = match.end()
    missing = (None, f"{result.how()}; " + result.console[last:][-1500:])
    return [(test, *found.get(index, missing)) for index, test in enumerate(tests)
            if found.get(index, missing)[0] != test.expected]


def batches(tests: list[Test]) -> list[list[Test]]:
    """As many as fit one boot."""
    found, size = [[]], 0
    for test in tests:
        size += test.program.stat().st_size
        if found[-1] and (size > BATCH_BYTES or len(found[-1]) >= BATCH_TESTS):
            found.append([])
            size = test.program.stat().st_size
        found[-1].append(test)
    return found


def main() -> int:
    """Builds, runs here, runs there, compares."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("suite", choices=list(SUITES), help="whose tests")
    parser.add_argument("source", type=pathlib.Path,
                        help="the folder of the tests: …/libstdc++-v3/testsuite or …/libcxx/test")
    parser.add_argument("--only", default="", help="a regular expression that paths must match")
    parser.add_argument("--every", type=int, default=1, help="take each n-th test only")
    parser.add_argument("--processors", type=int, default=4, help="in Quarry (default: 4)")
    parser.add_argument("--work", type=pathlib.Path, default=None, help="keep the built programs here")
    arguments = parser.parse_args()
    if not arguments.source.is_dir():
        print(f"conformance: '{arguments.source}' is no folder; --help says where it comes from",
              file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as folder:
        work = arguments.work or pathlib.Path(folder)
        work.mkdir(parents=True, exist_ok=True)
        suite = SUITES[arguments.suite](arguments.source.resolve(), work.resolve())
        suite.prepare()
        names = [path for path in suite.sources()
                 if re.search(arguments.only, str(path.relative_to(suite.tests)))][::arguments.every]
        tests = [Test(path, str(path.relative_to(suite.tests)),
                      work.resolve() / str(path.relative_to(suite.tests)).replace(os.sep, "_"),
                      arguments.suite == "libstdc++",
                      suite.data(path)) for path in names]
        print(f"{len(tests)} tests: building, and running here…", flush=True)
        differing, ran, left_out = [], 0, []
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            list(pool.map(lambda test: build_and_run_here(suite, test), tests))
        left_out = [test.name for test in tests if test.expected is None]
        for batch in batches([test for test in tests if test.expected is not None]):
            problems = run_in_quarry(batch, arguments.processors) if batch else []
            ran += len(batch)
            for test, status, text in problems:
                print(f"DIFFERS {test.name}: here {test.expected}, in Quarry {status}\n    "
                      + text.replace("\n", "\n    "))
            differing += problems
            print(f"{ran} ran, {len(differing)} differ", flush=True)
    print(f"{arguments.suite}: {ran} ran alike but {len(differing)}; {len(left_out)} cannot be built here")
    return 1 if differing else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except qemu.BrokenEnvironment as problem:
        print(f"conformance: {problem}", file=sys.stderr)
        sys.exit(72)
