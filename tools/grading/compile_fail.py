"""Misuse that must not compile. A file in tests/compile_fail is compiled twice: plain, which must work, and
with MISUSE defined, which must fail with the diagnostic that its head names."""

import pathlib
import re
import subprocess

import quarry_qemu as qemu

from .common import Failed, Job, single

SOURCES = qemu.ROOT / "tests" / "compile_fail"
COMPILE = ["clang++-19", "-std=gnu++23", "-stdlib=libc++", "-fsyntax-only", "-Wall", "-Wextra", "-Werror",
           "-Wthread-safety", "-Wthread-safety-beta", "-Wconsumed", "-Wno-unused-variable",
           "-Wno-gnu-statement-expression",
           f"-I{qemu.ROOT}", f"-I{qemu.ROOT / 'arch' / 'hosted'}"]


def check(source: pathlib.Path) -> None:
    """Compiles both forms."""
    expected = re.search(r"^// refused: (.+)$", source.read_text(encoding="utf-8"), re.MULTILINE)
    if not expected:
        raise Failed("the file does not say `// refused: <diagnostic>`")
    plain = subprocess.run([*COMPILE, str(source)], check=False, capture_output=True, text=True)
    if plain.returncode != 0:
        raise Failed(f"the positive twin does not compile:\n{plain.stderr}")
    misuse = subprocess.run([*COMPILE, "-DMISUSE", str(source)], check=False, capture_output=True,
                            text=True)
    if misuse.returncode == 0:
        raise Failed("the misuse compiles")
    if not re.search(expected.group(1), misuse.stderr):
        raise Failed(f"expected a diagnostic like: {expected.group(1)}\ngot:\n{misuse.stderr[:2000]}")


def jobs(only: str) -> list[Job]:
    """One test a file."""
    return [single("compile-fail", path.stem, lambda p=path: check(p))
            for path in sorted(SOURCES.glob("*.cpp")) if only in path.stem]
