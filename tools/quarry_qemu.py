"""Building boot archives and starting QEMU. Used by run.py, grade.py and bench.py."""

import dataclasses
import os
import pathlib
import re
import select
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
QEMU = "qemu-system-x86_64"
REQUIRED_QEMU = (7, 2)
FIRST_OUTPUT_SECONDS = 60

# QEMU's own exit statuses: the kernel's stop code * 2 + 1 (arch/x86_64/power.hpp).
RESET = 0  # -no-reboot turns a triple fault into this
POWERED_OFF = 1
PANIC = 33
MISSING_FEATURE = 35
NO_PROGRAM = 37
NOTHING_TO_RUN = 39
HUNG = -1000  # ended by us: no output, or no end, in time


class BrokenEnvironment(Exception):
    """QEMU is missing, too old, or fails: not a failure of Quarry's."""


@dataclasses.dataclass
class Result:
    """How a guest ended."""
    console: str
    status: int
    record: str
    command: list[str]

    def exit_status(self) -> int | None:
        """The first program's exit status, if it exited."""
        found = re.search(r"^exit (\d+)", self.record, re.MULTILINE)
        return int(found.group(1)) if found and self.status == POWERED_OFF else None

    def how(self) -> str:
        """In words."""
        if self.status == POWERED_OFF:
            return self.record.strip() or "powered off without a record"
        names = {RESET: "the machine reset: a triple fault", PANIC: "kernel panic",
                 MISSING_FEATURE: "missing processor feature", NO_PROGRAM: "no such program",
                 NOTHING_TO_RUN: "nothing to run", HUNG: "it hung, and QEMU was killed"}
        return names.get(self.status, f"QEMU ended with status {self.status}")


def build_directory() -> pathlib.Path:
    """Where the preset in use builds."""
    return ROOT / "build" / os.environ.get("QUARRY_PRESET", "release")


def kernel() -> pathlib.Path:
    """The kernel's ELF file."""
    return build_directory() / "kernel" / "arch_x86_64" / "quarry.elf"


def check_qemu() -> None:
    """Raises BrokenEnvironment unless a QEMU that is new enough is there."""
    if shutil.which(QEMU) is None:
        raise BrokenEnvironment(f"{QEMU} is not installed; `make setup` installs it")
    text = subprocess.run([QEMU, "--version"], check=False, capture_output=True, text=True).stdout
    found = re.search(r"version (\d+)\.(\d+)", text)
    if not found or (int(found.group(1)), int(found.group(2))) < REQUIRED_QEMU:
        wanted = ".".join(map(str, REQUIRED_QEMU))
        raise BrokenEnvironment(f"QEMU {wanted} or newer is needed; this is: {text.splitlines()[:1]}")


def make_archive(path: pathlib.Path, programs: list[str], files: dict[str, pathlib.Path]) -> None:
    """A cpio newc archive with these programs and files (name in the archive: file on disk)."""
    with tempfile.TemporaryDirectory() as folder:
        names = []
        for name in programs:
            kind = "archive" if (build_directory() / "archive" / name).exists() else "archive-tests"
            os.symlink(build_directory() / kind / name, os.path.join(folder, name))
            names.append(name)
        for name, source in files.items():
            os.symlink(source.resolve(), os.path.join(folder, name))
            names.append(name)
        with open(path, "wb") as out:
            subprocess.run(["cpio", "--quiet", "-o", "-L", "-H", "newc", "--reproducible"],
                           input="\n".join(names), text=True, cwd=folder, stdout=out, check=True)


def memory_for(archive: pathlib.Path) -> int:
    """MiB of guest memory that suit an archive: its size, and several times that for its contents."""
    return 64 + 8 * (archive.stat().st_size >> 20)


# Instructions as time, nothing of the host's clock: a run on one processor repeats exactly. Several take
# turns then, and one can be given none (CAVEATS.md).
REPEATABLE = ["-icount", "shift=0,sleep=off", "-rtc", "base=2020-01-01,clock=vm", "-seed", "1"]


def base_command(machine: str, memory_mib: int, processor: str = "max") -> list[str]:
    """QEMU's command line up to what is booted."""
    command = [QEMU, "-machine", machine, "-cpu", processor, "-accel", "tcg", "-m", f"{memory_mib}M",
               "-nodefaults", "-no-user-config", "-no-reboot", "-display", "none",
               "-device", "isa-debug-exit,iobase=0xf4,iosize=4"]
    return command


def serial_ports(machine: str, record: str, keep_signals: bool = False) -> list[str]:
    """Console on standard input and output, records to a file. With `keep_signals` keys such as Ctrl-C
    go to the guest instead of ending QEMU."""
    console = "stdio,id=console,signal=off" if keep_signals else "stdio,id=console"
    ports = ["-chardev", console, "-serial", "chardev:console",
             "-chardev", f"file,id=record,path={record}"]
    if machine.startswith("microvm"):
        return ports + ["-device", "isa-serial,chardev=record,index=1"]
    return ports + ["-serial", "chardev:record"]


def run(boot: list[str], *, machine: str = "pc", memory_mib: int = 128, processor: str = "max",
        processors: int = 1, repeatable: bool | None = None, keys: bytes = b"", prompt: bytes | None = b"",
        dialogue: list[tuple[bytes | None, bytes]] | None = None,
        extra: list[str] | None = None,
        echo: bool = False, limit_seconds: float = 600,
        first_output_seconds: float = FIRST_OUTPUT_SECONDS) -> Result:
    """Boots a guest and collects its console. It is repeatable, if not said otherwise, on one processor;
    several run at once, each a thread of QEMU's. `limit_seconds` guards the suite, not a test: a guest
    that reaches it has hung. A firmware that says nothing for long needs `first_output_seconds`.
    `keys` are typed once the guest has printed `prompt`, or anything, or, with None, before it runs; a
    `dialogue` is of more such pairs, one after the other."""
    check_qemu()
    with tempfile.TemporaryDirectory() as folder:
        record = os.path.join(folder, "record")
        if repeatable is None:
            repeatable = processors == 1
        command = (base_command(machine, memory_mib, processor) + (REPEATABLE if repeatable else [])
                   + ["-smp", str(processors)] + serial_ports(machine, record) + boot + (extra or []))
        typed = dialogue or ([(prompt, keys)] if keys else [])
        console, status = _converse(command, typed, echo, limit_seconds, first_output_seconds)
        text = pathlib.Path(record).read_text(encoding="ascii", errors="replace") \
            if os.path.exists(record) else ""
        # The kernel powers off with a record and stops with a code of its own; anything else is QEMU's.
        known = (RESET, PANIC, MISSING_FEATURE, NO_PROGRAM, NOTHING_TO_RUN, HUNG)
        if status not in known and not (status == POWERED_OFF and text):
            raise BrokenEnvironment(_no_output(command, status, console))
        return Result(console, status, text, command)


def _converse(command: list[str], typed: list[tuple[bytes | None, bytes]], echo: bool, limit_seconds: float,
              first_output_seconds: float) -> tuple[str, int]:
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT) as process:
        assert process.stdin and process.stdout
        begin = time.monotonic()
        output = bytearray()
        left, seen = list(typed), 0
        while left and left[0][0] is None:
            process.stdin.write(left.pop(0)[1])
            process.stdin.flush()
        while True:
            limit = limit_seconds if output else first_output_seconds
            ready, _, _ = select.select([process.stdout], [], [], 0.5)
            if ready:
                piece = os.read(process.stdout.fileno(), 65536)
                if not piece:
                    break
                output += piece
                # Never into the firmware, which would eat them.
                while left and (at := output.find(left[0][0], seen)) >= 0:
                    prompt, keys = left.pop(0)
                    seen = at + len(prompt)
                    process.stdin.write(keys)
                    process.stdin.flush()
                if echo:
                    sys.stdout.write(piece.replace(b"\r\n", b"\n").decode("utf-8", "replace"))
                    sys.stdout.flush()
            elif time.monotonic() - begin > limit:
                process.kill()
                process.wait()
                return _text(output) + "\n[no end]\n", HUNG
        process.wait()
        return _text(output), process.returncode


def _text(output: bytes) -> str:
    return bytes(output).replace(b"\r\n", b"\n").decode("utf-8", "replace")


def _no_output(command: list[str], status: int, console: str) -> str:
    last = "\n".join(console.splitlines()[-20:])
    return (f"QEMU failed to start, or ended by itself.\n"
            f"command: {' '.join(command)}\nexit status: {status}\nlast lines:\n{last}")
