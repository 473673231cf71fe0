#!/usr/bin/env python3
"""Boots Quarry in QEMU with one program and the files it needs; ends with the program's exit status."""

import argparse
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import threading
import time
from typing import IO

import linux_root
import quarry_qemu as qemu

DEFAULT_TEXT = pathlib.Path("/usr/share/common-licenses/GPL-3")


def explain(result: qemu.Result, program: str) -> int:
    """The status to end with; what went wrong, to standard error."""
    status = result.exit_status()
    if status is not None:
        return status & 0xff
    if result.status == qemu.NO_PROGRAM:
        known = sorted(p.name for p in (qemu.build_directory() / "archive").iterdir())
        print(f"run: there is no program '{program}'. Programs: {', '.join(known)}", file=sys.stderr)
        return 127
    print(f"run: {result.how()}", file=sys.stderr)
    return 70 if result.status == qemu.PANIC else 71


def main() -> int:
    """Parses the command line and runs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--program", default="wordcount", help="which (default: wordcount)")
    parser.add_argument("--args", default=None, help="its arguments, separated by blanks")
    parser.add_argument("--file", type=pathlib.Path, default=None,
                        help=f"a file handed in as `input` (default for wordcount: {DEFAULT_TEXT})")
    parser.add_argument("--machine", default="pc", help="QEMU's machine: pc, q35 or microvm")
    parser.add_argument("--memory", type=int, default=None, help="MiB (default: from the files)")
    parser.add_argument("--trace", action="store_true",
                        help="system calls, as they are made, to build/<preset>/trace.txt")
    parser.add_argument("--monitor", action="store_true",
                        help="breakpoints of programs enter the kernel monitor (Ctrl-] always does)")
    parser.add_argument("--processors", type=int, default=1, help="how many (default: 1)")
    parser.add_argument("--record", type=pathlib.Path, metavar="FILE",
                        help="record the run for --replay")
    parser.add_argument("--replay", type=pathlib.Path, metavar="FILE", help="run a record again")
    parser.add_argument("--heapmap", type=pathlib.Path, metavar="PAGE",
                        help="draw the heap of a program that prints its statistics (HTML)")
    parser.add_argument("--gdb", metavar="SOCKET", help="stop at the first instruction for gdb")
    arguments = parser.parse_args()
    if is_linux(arguments.program):
        return run_linux(arguments)

    file = arguments.file
    if file is None and arguments.program == "wordcount" and not arguments.args:
        file = DEFAULT_TEXT
    if file is not None and not file.is_file():
        print(f"run: cannot read '{file}': give FILE= a path to an existing file", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as folder:
        name, files = find_program(arguments.program)
        if name is None:
            return 127
        if file is not None:
            files["input"] = file
        if arguments.heapmap is not None:
            files["heapmap"] = pathlib.Path(folder) / "heapmap"  # the runtime looks for it
            files["heapmap"].touch()
        archive = pathlib.Path(folder) / "archive.cpio"
        programs = [each for each in known_programs(name) if each not in files]
        qemu.make_archive(archive, programs, files)
        words = [name] + (arguments.args or "").split()
        options = [f"--{option}" for option in ("trace", "monitor") if getattr(arguments, option)]
        boot = ["-kernel", str(qemu.kernel()), "-initrd", str(archive),
                "-append", " ".join(options + words)]
        memory = arguments.memory or qemu.memory_for(archive)
        if memory > 3072 and arguments.machine == "microvm":
            print("run: this input needs machine pc or q35", file=sys.stderr)
            return 2
        print(f"Booting Quarry in QEMU ({arguments.machine}, {memory} MiB): "
              f"{' '.join(words)}   [Ctrl-C ends it, Ctrl-] is the kernel monitor]", flush=True)
        return interact(arguments, boot, memory, folder)


def is_linux(name: str) -> bool:
    """Whether a program is Linux's: one of the known shells, or a file that says so."""
    return name not in known_programs(name) and linux_root.find_program(name) is not None


def run_linux(arguments: argparse.Namespace) -> int:
    """A Linux program: with the server, the library OS and busybox around it."""
    path = linux_root.find_program(arguments.program)
    assert path is not None
    with tempfile.TemporaryDirectory() as folder:
        root = linux_root.Root(pathlib.Path(folder) / "root")
        name = pathlib.Path(arguments.program).name
        root.add_program(path, f"bin/{name}")
        root.add_busybox()
        if arguments.file is not None:
            root.add(arguments.file, f"root/{arguments.file.name}")
        archive = pathlib.Path(folder) / "archive.cpio"
        root.write(archive)
        words = [f"/bin/{name}"] + (arguments.args or "").split()
        if len(words) == 1 and arguments.program in linux_root.KNOWN:
            words.append("-l" if arguments.program != "busybox" else "sh")
        line = linux_root.command_line(words, trace=arguments.trace, processors=arguments.processors)
        memory = arguments.memory or 256 + qemu.memory_for(archive)
        print(f"Booting Quarry in QEMU ({arguments.machine}, {memory} MiB): {' '.join(words)}   "
              "[its end ends it, Ctrl-] is the kernel monitor]", flush=True)
        arguments.trace = False  # the library OS traces Linux's calls, not the kernel its own
        return interact(arguments, ["-kernel", str(qemu.kernel()), "-initrd", str(archive),
                                    "-append", line], memory, folder, keep_signals=True)


def known_programs(name: str) -> list[str]:
    """What goes into every archive, and a test program if that is asked for."""
    programs = sorted(p.name for p in (qemu.build_directory() / "archive").iterdir())
    is_test = "/" not in name and (qemu.build_directory() / "archive-tests" / name).exists()
    return programs + [name] if is_test else programs


def find_program(name: str) -> tuple[str | None, dict[str, pathlib.Path]]:
    """Its name in the archive and, if it is a file of the user's (tools/jos-cc makes such), the file."""
    if name in known_programs(name):
        return name, {}
    path = pathlib.Path(name)
    if path.is_file():
        return path.name, {path.name: path}
    print(f"run: there is no program '{name}'. Programs: {', '.join(known_programs(name))}; "
          "or give the path of one", file=sys.stderr)
    return None, {}


def replay_options(arguments: argparse.Namespace) -> list[str]:
    """QEMU's own recording of all that comes from outside: with it a run repeats to the instruction."""
    for mode in ("record", "replay"):
        path = getattr(arguments, mode)
        if path is None:
            continue
        # Going backwards starts from a snapshot, which lies in a disk that the guest does not see.
        disk = path.with_suffix(".qcow2")
        if mode == "record":
            subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", str(disk), "1G"], check=True)
        return ["-icount", f"shift=0,sleep=off,rr={mode},rrfile={path},rrsnapshot=start",
                "-drive", f"file={disk},if=none,id=snapshots"]
    return []


def interact(arguments: argparse.Namespace, boot: list[str], memory: int, folder: str,
             keep_signals: bool = False) -> int:
    """Runs with the terminal's own input and output. With `keep_signals` Ctrl-C is the guest's."""
    qemu.check_qemu()
    record = os.path.join(folder, "record")
    if arguments.trace:
        record = str(qemu.build_directory() / "trace.txt")
        print(f"System calls go to {record}", flush=True)
    command = (qemu.base_command(arguments.machine, memory)
               + qemu.serial_ports(arguments.machine, record, keep_signals) + boot
               + ["-smp", str(arguments.processors)] + replay_options(arguments)
               + (["-S", "-gdb", f"unix:{arguments.gdb},server=on,wait=off"] if arguments.gdb
                  else []))
    try:
        if arguments.heapmap is not None:
            status = run_and_draw(command, arguments.heapmap, pathlib.Path(folder) / "dumps")
        elif keep_signals and not sys.stdin.isatty():
            status = run_fed(command)
        else:
            status = subprocess.run(command, check=False).returncode
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    text = pathlib.Path(record).read_text(encoding="ascii") if os.path.exists(record) else ""
    return explain(qemu.Result("", status, text, command), arguments.program)


def run_fed(command: list[str]) -> int:
    """Runs; when standard input, which is no terminal, has ended, Ctrl-D says so to whoever reads it."""
    def feed(to: IO[bytes]) -> None:
        last = b"\n"
        try:
            while piece := os.read(sys.stdin.fileno(), 4096):
                to.write(piece)
                to.flush()
                last = piece[-1:]
            to.write(b"" if last == b"\n" else b"\n")
            while True:
                to.write(b"\x04")
                to.flush()
                time.sleep(0.2)
        except BrokenPipeError:
            pass  # the guest has ended
    with subprocess.Popen(command, stdin=subprocess.PIPE) as process:
        assert process.stdin
        threading.Thread(target=feed, args=(process.stdin,), daemon=True).start()
        return process.wait()


def run_and_draw(command: list[str], page: pathlib.Path, dumps: pathlib.Path) -> int:
    """Runs; dumps of the heap among the output go to a page, the rest to the terminal."""
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        lines = []
        for line in process.stdout:
            if line.startswith(b'{"unit_bytes"'):
                lines.append(line)
            else:
                sys.stdout.buffer.write(line)
                sys.stdout.flush()
    if lines:
        dumps.write_bytes(b"".join(lines))
        subprocess.run([str(qemu.ROOT / "tools" / "heapmap.py"), str(dumps), "-o", str(page)], check=True)
    else:
        print("run: the program printed no statistics of its heap, so there is no map", file=sys.stderr)
    return process.returncode


if __name__ == "__main__":
    try:
        sys.exit(main())
    except qemu.BrokenEnvironment as problem:
        print(f"run: {problem}", file=sys.stderr)
        sys.exit(72)
