#!/usr/bin/env python3
"""Boots Quarry in QEMU with one program and the files it needs; ends with the program's exit status."""

import argparse
import os
import pathlib
import signal
import subprocess
import sys
import tempfile

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
    parser.add_argument("--gdb", metavar="SOCKET", help="stop at the first instruction for gdb")
    arguments = parser.parse_args()

    file = arguments.file
    if file is None and arguments.program == "wordcount" and not arguments.args:
        file = DEFAULT_TEXT
    if file is not None and not file.is_file():
        print(f"run: cannot read '{file}': give FILE= a path to an existing file", file=sys.stderr)
        return 2
    programs = sorted(p.name for p in (qemu.build_directory() / "archive").iterdir())
    is_test = (qemu.build_directory() / "archive-tests" / arguments.program).exists()
    if is_test:
        programs.append(arguments.program)
    if arguments.program not in programs:
        print(f"run: there is no program '{arguments.program}'. Programs: {', '.join(programs)}",
              file=sys.stderr)
        return 127
    with tempfile.TemporaryDirectory() as folder:
        archive = pathlib.Path(folder) / "archive.cpio"
        qemu.make_archive(archive, programs, {"input": file} if file else {})
        words = [arguments.program] + (arguments.args or "").split()
        boot = ["-kernel", str(qemu.kernel()), "-initrd", str(archive), "-append", " ".join(words)]
        memory = arguments.memory or qemu.memory_for(archive)
        if memory > 3072 and arguments.machine == "microvm":
            print("run: this input needs machine pc or q35", file=sys.stderr)
            return 2
        print(f"Booting Quarry in QEMU ({arguments.machine}, {memory} MiB): "
              f"{' '.join(words)}   [Ctrl-C ends it]", flush=True)
        return interact(arguments, boot, memory, folder)


def interact(arguments: argparse.Namespace, boot: list[str], memory: int, folder: str) -> int:
    """Runs with the terminal's own input and output."""
    qemu.check_qemu()
    record = os.path.join(folder, "record")
    command = (qemu.base_command(arguments.machine, memory)
               + qemu.serial_ports(arguments.machine, record) + boot
               + (["-S", "-gdb", f"unix:{arguments.gdb},server=on,wait=off"] if arguments.gdb
                  else []))
    try:
        status = subprocess.run(command, check=False).returncode
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    text = pathlib.Path(record).read_text(encoding="ascii") if os.path.exists(record) else ""
    return explain(qemu.Result("", status, text, command), arguments.program)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except qemu.BrokenEnvironment as problem:
        print(f"run: {problem}", file=sys.stderr)
        sys.exit(72)
