"""Linux programs: tests/linux/programs, each compiled with several libraries, and scripts for the shells of
Debian; run on this machine and in Quarry, which must print the same and end alike. What depends on the
kernel's version or settings is not asked here but recorded (tests/linux/answers). One boot for each number of
processors."""

import concurrent.futures
import difflib
import os
import pathlib
import re
import subprocess
import tempfile
import time

import linux_root
import quarry_qemu as qemu

from .common import Failed, Job, Outcome, last_lines, save_console, single

TESTS = qemu.ROOT / "tests" / "linux"
ANSWERS = TESTS / "answers"
PROCESSORS = (1, 4)  # several run at once, each a thread of QEMU's
ENVIRONMENT = {"PATH": "/bin", "HOME": "/root", "TERM": "linux", "USER": "root"}

# How a source becomes a program: the library's name and the compiler.
C_COMPILERS = {"glibc": ["gcc", "-O1", "-static"], "musl": ["musl-gcc", "-O1", "-static"]}
CPP_COMPILERS = {"libstdc++": ["g++", "-std=c++20", "-O1", "-static"],
                 "pie": ["g++", "-std=c++20", "-O1", "-static-pie"],
                 "dynamic": ["g++", "-std=c++20", "-O1"],
                 "libc++": ["clang++-19", "-std=c++20", "-stdlib=libc++", "-O1", "-static"]}

SHELLS = {
    "busybox": ["/bin/busybox", "sh"],
    "bash": ["/bin/bash-static"],
    "mksh-klibc": ["/usr/lib/klibc/bin/mksh"],
    "mksh-musl": ["/usr/lib/x86_64-linux-musl/bin/mksh"],
    "mksh-diet": ["/usr/lib/diet/bin/mksh"],
    "zsh": ["/bin/zsh-static", "--emulate", "sh"],
}


def _heads(text: str, key: str) -> list[str]:
    return re.findall(rf"^// {key}: (.+)$", text, re.MULTILINE)


def _build(source: pathlib.Path, compiler: list[str], program: pathlib.Path) -> None:
    text = source.read_text(encoding="utf-8")
    command = [*compiler, str(source), "-o", str(program),
               *(f"-I{folder}" for folder in _heads(text, "include")),
               *" ".join(_heads(text, "link")).split()]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode != 0:
        raise Failed(f"{' '.join(command)}\n{done.stderr}")


def _variants() -> list[tuple[str, pathlib.Path, list[str]]]:
    found = []
    for source in sorted((TESTS / "programs").glob("*.c*")):
        compilers = C_COMPILERS if source.suffix == ".c" else CPP_COMPILERS
        only = _heads(source.read_text(encoding="utf-8"), "only")
        found += [(f"{source.stem}.{name}", source, compiler) for name, compiler in compilers.items()
                  if not only or name in only]
    return found


def record_of(stem: str) -> pathlib.Path:
    """Where Linux's answers to a program's calls are."""
    return ANSWERS / f"{stem}.txt"


def recorded(stem: str) -> str | None:
    """What Linux answered when it was recorded, if the program is one of those."""
    if not stem.endswith("_as_linux_does"):
        return None
    record = record_of(stem)
    if not record.exists():
        return "(no record: tools/linux_answers.py --write)\n"
    lines = record.read_text(encoding="ascii").splitlines(keepends=True)
    return "".join(line for line in lines if not line.startswith("#"))


def _commands() -> dict[str, list[str]]:
    """What is run, by the test's name: words as they are in the guest."""
    commands = {name: [f"/tests/{name}"] for name, _, _ in _variants()}
    for shell, words in SHELLS.items():
        inside = [f"/shells/{shell}", *words[1:]]
        commands[f"posix.{shell}"] = [*inside, "/scripts/posix.sh"]
    commands["sash"] = ["/shells/sash", "-f", "/scripts/sash.sash"]
    commands["sqlite.busybox"] = ["/shells/busybox", "sh", "/scripts/sqlite.sh", "/tests/sqlite_shell.glibc"]
    commands["applets.busybox"] = ["/shells/busybox", "sh", "/scripts/applets.sh"]
    return commands


def expected_here(words: list[str], folder: pathlib.Path) -> tuple[str, int]:
    """What this machine says: the same programs, with busybox's applets only."""
    local = [word if not word.startswith(("/tests/", "/shells/", "/scripts/")) else f"{folder}{word}"
             for word in words]
    environment = {**ENVIRONMENT, "PATH": str(folder / "bin")}
    done = subprocess.run(local, check=False, capture_output=True, env=environment, timeout=120,
                          stdin=subprocess.DEVNULL)
    return done.stdout.decode("utf-8", "replace"), done.returncode if done.returncode >= 0 else \
        128 - done.returncode


def _expected(name: str, words: list[str], folder: pathlib.Path) -> tuple[str, int]:
    record = recorded(name.split(".", 1)[0])
    return expected_here(words, folder) if record is None else (record, 0)


def difference(wanted: str, found: str) -> str:
    """Where two outputs part, for people to read: the first few places."""
    lines = difflib.unified_diff(wanted.splitlines(), found.splitlines(), "Linux", "here", n=1, lineterm="")
    return "\n".join(list(lines)[:40])


def _script(commands: dict[str, list[str]]) -> str:
    lines = []
    for name, words in commands.items():
        lines.append(f"echo '[begin {name}]'; {' '.join(words)} < /dev/null 2> /tmp/errors")
        lines.append(f"echo '[end {name} '$?']'")
    return "\n".join(lines) + "\n"


def _fill(folder: pathlib.Path, script: str) -> "callable":
    def fill(root: linux_root.Root) -> None:
        root.add_busybox()
        for name in ("tests", "shells", "scripts"):
            root.add(folder / name, name)
        for program in sorted((folder / "tests").glob("*.dynamic")):
            root.add_program_with_libraries(program, f"tests/{program.name}")
        (root.folder / "all.sh").write_text(script, encoding="ascii")
    return fill


def _judge(name: str, console: str, expected: tuple[str, int]) -> str:
    found = re.search(rf"^\[begin {re.escape(name)}\]\n(.*?)\[end {re.escape(name)} (\d+)\]$", console,
                      re.MULTILINE | re.DOTALL)
    if not found:
        return "did not come to its end:\n" + last_lines(console)
    output, status = found.group(1), int(found.group(2))
    text, wanted = expected
    if status != wanted or output != text:
        return f"status on Linux {wanted}, in Quarry {status}\n{difference(text, output)}"
    return ""


def _prepare(folder: pathlib.Path, commands: dict[str, list[str]]) -> None:
    for name in ("tests", "shells", "bin"):
        (folder / name).mkdir()
    subprocess.run(["cp", "-r", str(TESTS / "scripts"), str(folder / "scripts")], check=True)
    for shell, program in [*((shell, words[0]) for shell, words in SHELLS.items()), ("sash", "/bin/sash")]:
        subprocess.run(["cp", "-L", program, str(folder / "shells" / shell)], check=True)
    for applet in linux_root.applets():
        (folder / "bin" / applet).symlink_to(linux_root.BUSYBOX)
    wanted = {word.rsplit("/", 1)[-1] for words in commands.values() for word in words}
    builds = [(source, compiler, folder / "tests" / name) for name, source, compiler in _variants()
              if name in wanted]
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda job: _build(*job), builds))


def prepare_recorded(folder: pathlib.Path) -> list[str]:
    """Builds the programs whose answers are recorded; their names."""
    commands = {name: words for name, words in _commands().items() if "_as_linux_does." in name}
    _prepare(folder, commands)
    return list(commands)


def _suite(names: list[str]) -> list[Outcome]:
    commands = {name: words for name, words in _commands().items() if name in names}
    outcomes = []
    with tempfile.TemporaryDirectory() as path:
        folder = pathlib.Path(path)
        try:
            _prepare(folder, commands)
        except (Failed, OSError, subprocess.SubprocessError) as problem:
            return [Outcome("linux", "linux_programs_are_built", False, str(problem))]
        expected = {name: _expected(name, words, folder) for name, words in commands.items()}
        for processors in PROCESSORS:
            begin = time.monotonic()
            result = linux_root.run(["/bin/sh", "/all.sh"], _fill(folder, _script(commands)),
                                    processors=processors, memory_mib=512, limit_seconds=300)
            save_console(f"linux-{processors}", result)
            seconds = (time.monotonic() - begin) / len(commands)
            for name in commands:
                problem = _judge(name, result.console, expected[name])
                shown = f"linux_{name}" + ("" if processors == 1 else f" [{processors} processors]")
                outcomes.append(Outcome("linux", shown, not problem, problem, seconds))
    return outcomes


def _keys() -> None:
    """An interactive shell: line editing, Ctrl-C, Ctrl-D, Ctrl-Z, jobs, exit."""
    # `ready` says that the shell has left its own raw mode, `inner` that another group has the terminal.
    dialogue = [(b"# ", b"echo edix\x7fted\n"), (b"\nedited", b""), (b"# ", b"echo ready; cat\n"),
                (b"\nready\r\n", b"typed\n"), (b"typed\r\ntyped\r\n", b"\x04"),
                (b"# ", b"sh -c 'echo inner; sleep 1000000'\n"), (b"\ninner\r\n", b"\x03"),
                (b"# ", b"echo after $?\n"), (b"\nafter 130", b""),
                (b"# ", b"sh -c 'echo inner; sleep 1000000'\n"), (b"\ninner\r\n", b"\x1a"), (b"topped", b""),
                (b"# ", b"kill %1; fg\n"), (b"erminated", b""), (b"# ", b"exit 6\n")]
    result = linux_root.run(["/bin/sh"], linux_root.Root.add_busybox, dialogue=dialogue,
                            variables=["PS1=# "], limit_seconds=60, repeatable=False)
    save_console("linux-keys", result)
    if result.exit_status() != 6:
        raise Failed(f"expected exit status 6; {result.how()}; the console:\n{last_lines(result.console)}")


def _piped() -> None:
    """`make shell` with its input from a pipe: all of it is read, and its end is that of whoever reads."""
    done = subprocess.run([qemu.ROOT / "tools" / "run.py", "--program", "sh"], capture_output=True, text=True,
                          input="echo $((6 * 7))\ncat\nthe rest", check=False, timeout=120)
    if done.returncode != 0 or "\n42\n" not in done.stdout or "\nthe rest\n" not in done.stdout:
        raise Failed(f"expected exit status 0; {done.returncode}; the console:\n{last_lines(done.stdout)}")


def _project() -> None:
    """A CMake project with the toolchain file and the package: built, and its test run in Quarry."""
    subprocess.run(["ninja", "-C", str(qemu.build_directory()), "--quiet", "slab_static"], check=True,
                   stdout=subprocess.DEVNULL)
    with tempfile.TemporaryDirectory() as folder:
        toolchain = qemu.ROOT / "cmake" / "package" / "QuarryToolchain.cmake"
        for command in (["cmake", "-S", str(TESTS / "project"), "-B", folder, "-G", "Ninja",
                         f"-DCMAKE_TOOLCHAIN_FILE={toolchain}"],
                        ["ninja", "-C", folder], ["ctest", "--test-dir", folder, "--output-on-failure"]):
            done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=300)
            if done.returncode != 0:
                raise Failed(f"{' '.join(command)}\n{last_lines(done.stdout + done.stderr)}")


def _rust() -> None:
    """The Rust program says what it says on this machine, but for the pages, of which there are others."""
    make = subprocess.run(["make", "--no-print-directory", "-C", str(qemu.ROOT), "rustshim"], check=False,
                          capture_output=True, text=True)
    program = qemu.build_directory() / "rustshim"
    if make.returncode != 0:
        raise Failed(last_lines(make.stdout + make.stderr))
    here = subprocess.run([str(program)], check=True, capture_output=True, text=True, timeout=60).stdout
    result = linux_root.run(["/bin/rustshim"], lambda root: root.add_program(program, "bin/rustshim"),
                            processors=4, limit_seconds=60)
    save_console("linux-rust", result)
    pages = re.compile(r" +\d+ pages$", re.MULTILINE)
    if result.exit_status() != 0 or pages.sub("", here) not in pages.sub("", result.console):
        raise Failed(f"on Linux:\n{here}\nin Quarry ({result.how()}):\n{last_lines(result.console)}")


def _hostile(source: pathlib.Path) -> None:
    """A program that does harm to itself. It says at its end that everything else still works."""
    with tempfile.TemporaryDirectory() as folder:
        program = pathlib.Path(folder) / source.stem
        _build(source, [*C_COMPILERS["glibc"], "-w"], program)

        def fill(root: linux_root.Root) -> None:
            root.add_busybox()
            root.add_program(program, f"bin/{source.stem}")
        text = source.read_text(encoding="utf-8")
        processors = int("".join(_heads(text, "processors")) or "4")
        memory_mib = int("".join(_heads(text, "memory")) or "0") or None
        result = linux_root.run([f"/bin/{source.stem}"], fill, processors=processors, memory_mib=memory_mib,
                                limit_seconds=240)
    save_console(f"linux-{source.stem}", result)
    loud = "yes" in _heads(text, "quiet") and "libos: " in result.console
    whole = "all held" in result.console and "did not come back" not in result.console
    if result.exit_status() != 0 or loud or not whole:
        raise Failed(f"{result.how()}\n{last_lines(result.console)}")


def jobs(only: str) -> list[Job]:
    """All programs in one job, and the keyboard's."""
    names = [name for name in _commands() if only in f"linux_{name}"]
    found = [Job(lambda: _suite(names))] if names else []
    found += [single("linux", f"linux_{path.stem}", lambda path=path: _hostile(path))
              for path in sorted((TESTS / "hostile").glob("*.c")) if only in f"linux_{path.stem}"]
    if only in "linux_a_cmake_project_is_built_and_tested":
        found.append(single("linux", "linux_a_cmake_project_is_built_and_tested", _project))
    if only in "linux_a_rust_program_allocates_from_the_slab_heap":
        found.append(single("linux", "linux_a_rust_program_allocates_from_the_slab_heap", _rust))
    if only in "linux_keys_reach_the_shell":
        found.append(single("linux", "linux_keys_reach_the_shell", _keys))
    if only in "linux_a_shell_ends_with_its_piped_input":
        found.append(single("linux", "linux_a_shell_ends_with_its_piped_input", _piped))
    return found
