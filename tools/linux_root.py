"""Boot archives for Linux programs: the server, the library OS, and a small root file system around the
program. Used by run.py, tools/quarry, grade.py and bench.py."""

import os
import pathlib
import re
import shutil
import stat
import subprocess
import tempfile
import time
import urllib.parse

import quarry_qemu as qemu

BUSYBOX = pathlib.Path("/bin/busybox")

# Programs that `make run PROGRAM=name` finds by themselves: where Debian puts them.
KNOWN = {
    "sh": BUSYBOX,
    "busybox": BUSYBOX,
    "bash": pathlib.Path("/bin/bash-static"),
    "zsh": pathlib.Path("/bin/zsh-static"),
    "mksh": pathlib.Path("/bin/mksh-static"),
    "sash": pathlib.Path("/bin/sash"),
}

PASSWD = "root:x:0:0:root:/root:/bin/sh\n"
GROUP = "root:x:0:\n"
PROFILE = "PS1='quarry:\\w# '\nexport PS1\n"


def is_linux_program(path: pathlib.Path) -> bool:
    """An ELF program of Linux's: native ones and JOS's have no PT_GNU_STACK."""
    with open(path, "rb") as file:
        head = file.read(4096)
    if head[:4] != b"\x7fELF" or head[4] != 2 or head[18:20] != b"\x3e\x00":
        return head[:2] == b"#!"
    offset, count = int.from_bytes(head[32:40], "little"), int.from_bytes(head[56:58], "little")
    kinds = [int.from_bytes(head[at:at + 4], "little")
             for at in range(offset, min(offset + 56 * count, len(head) - 4), 56)]
    return 0x6474e551 in kinds


def libraries_of(program: pathlib.Path) -> list[pathlib.Path]:
    """What a dynamic program loads, its loader too; nothing of a static one."""
    done = subprocess.run(["ldd", str(program)], check=False, capture_output=True, text=True)
    with open(program, "rb") as file:
        loaders = re.findall(rb"\0(/lib[\w/]*/ld[\w.-]+)\0", file.read(4096))
    found = {pathlib.Path(path) for path in re.findall(r"(/\S+) \(0x", done.stdout)}
    return sorted(found | {path for each in loaders if (path := pathlib.Path(each.decode())).exists()})


def applets() -> list[str]:
    """What busybox can be called as."""
    return subprocess.run([str(BUSYBOX), "--list"], check=True, capture_output=True,
                          text=True).stdout.split()


class Root:
    """A folder that becomes the root directory."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.folder = folder
        for name in ("bin", "boot", "etc", "root", "tmp", "usr/bin"):
            (folder / name).mkdir(parents=True)
        (folder / "tmp").chmod(0o1777)
        for name in ("linux", "libos"):
            self.add(qemu.build_directory() / "archive" / name, f"boot/{name}")
        (folder / "etc/passwd").write_text(PASSWD, encoding="ascii")
        (folder / "etc/group").write_text(GROUP, encoding="ascii")
        (folder / "etc/mtab").symlink_to("/proc/mounts")
        (folder / "etc/profile").write_text(PROFILE, encoding="ascii")

    def add(self, source: pathlib.Path, name: str) -> None:
        """A file or a directory, with its modes, under this name."""
        target = self.folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, symlinks=True, dirs_exist_ok=True)
        else:
            shutil.copy2(source, target)

    def add_program(self, source: pathlib.Path, name: str) -> None:
        """The same, executable."""
        self.add(source, name)
        target = self.folder / name
        target.chmod(target.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)

    def add_program_with_libraries(self, source: pathlib.Path, name: str) -> None:
        """A dynamic program too: its libraries lie where they lie here."""
        self.add_program(source, name)
        for library in libraries_of(source):
            self.add_program(library, str(library)[1:])

    def add_busybox(self) -> None:
        """busybox, and a link for each of its applets."""
        self.add_program(BUSYBOX, "bin/busybox")
        for name in applets():
            link = self.folder / "bin" / name
            if not link.is_symlink() and not link.exists():
                link.symlink_to("busybox")

    def write(self, archive: pathlib.Path) -> None:
        """The archive; the server comes first, where the kernel finds it soonest."""
        names = sorted(str(path.relative_to(self.folder)) for path in self.folder.rglob("*"))
        names.sort(key=lambda name: not name.startswith("boot/"))
        with open(archive, "wb") as out:
            subprocess.run(["cpio", "--quiet", "-o", "-H", "newc", "--reproducible"],
                           input="\n".join(names), text=True, cwd=self.folder, stdout=out, check=True)


def quoted(word: str) -> str:
    """An argument for the server, which blanks would end: `%20` stands for one."""
    return urllib.parse.quote(word, safe="/:=.,+-_@~")


def command_line(words: list[str], *, trace: bool = False, processors: int = 1,
                 variables: list[str] | None = None, now: int | None = None) -> str:
    """The kernel's command line that starts this program with its arguments."""
    seconds = int(time.time()) if now is None else now
    options = [f"--time={seconds}", f"--processors={processors}"]
    options += ["--trace"] if trace else []
    options += [f"--env={quoted(variable)}" for variable in variables or []]
    return " ".join(["boot/linux", *options, *(quoted(word) for word in words)])


def run(words: list[str], fill: "callable", *, processors: int = 1, memory_mib: int | None = None,
        dialogue: list[tuple[bytes, bytes]] | None = None, repeatable: bool | None = None,
        trace: bool = False, variables: list[str] | None = None, extra: list[str] | None = None,
        processor: str = "max", limit_seconds: float = 600) -> qemu.Result:
    """Boots and runs one command line; `fill` puts into the root what it needs. The clock starts at 2020
    so that runs repeat."""
    with tempfile.TemporaryDirectory() as folder:
        root = Root(pathlib.Path(folder) / "root")
        fill(root)
        archive = pathlib.Path(folder) / "archive.cpio"
        root.write(archive)
        line = command_line(words, trace=trace, processors=processors, variables=variables,
                            now=1577836800)
        return qemu.run(["-kernel", str(qemu.kernel()), "-initrd", str(archive), "-append", line],
                        memory_mib=memory_mib or 192 + qemu.memory_for(archive),
                        extra=extra, dialogue=dialogue, processor=processor, processors=processors,
                        repeatable=repeatable, limit_seconds=limit_seconds,
                        first_output_seconds=limit_seconds)  # some say nothing before their end


def find_program(name: str) -> pathlib.Path | None:
    """A program of Linux's by name or path; nothing if it is not one."""
    path = KNOWN.get(name, pathlib.Path(name))
    if not path.is_file():
        return None
    return pathlib.Path(os.path.realpath(path)) if is_linux_program(path) else None
