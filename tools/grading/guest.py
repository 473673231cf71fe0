"""Guest tests: programs of tests/guest/programs, many to one boot."""

import pathlib
import re
import subprocess
import tempfile
import time

import quarry_qemu as qemu

from .common import Failed, Job, Outcome, last_lines, save_console, single

SOURCES = qemu.ROOT / "tests" / "guest" / "programs"
SUITE_MEMORY_MIB = 160  # forty spaces, one below the other, each with the archive in its account
PROCESSORS = (2, 4, 8)


def expectation(source: pathlib.Path) -> tuple[str, list[str]]:
    """What a test's head says: how it must end, and patterns its console must have."""
    text = source.read_text(encoding="utf-8")
    end = re.search(r"^// expect: (.+)$", text, re.MULTILINE)
    return end.group(1) if end else "exit 0", re.findall(r"^// console: (.+)$", text, re.MULTILINE)


def judge(name: str, console: str) -> str:
    """Why the test did not pass; empty if it did."""
    found = re.search(rf"^\[suite\] begin {name}\n(.*?)^\[suite\] end {name} (.*?) kept (-?\d+)$",
                      console, re.MULTILINE | re.DOTALL)
    if not found:
        return "the suite did not come to its end:\n" + last_lines(console)
    output, end, kept = found.groups()
    expected, patterns = expectation(SOURCES / f"{name}.cpp")
    if end != expected:
        return f"expected: {expected}\n     got: {end}\n{last_lines(output)}"
    for pattern in patterns:
        if not re.search(pattern, output):
            return f"expected on the console: {pattern}\ngot:\n{last_lines(output)}"
    if kept != "0":
        return f"{kept} pages did not come back"
    return ""


def boot_suite(names: list[str], processors: int = 1, kernel: pathlib.Path | None = None) -> qemu.Result:
    """One boot that runs these tests."""
    with tempfile.TemporaryDirectory() as folder:
        archive = pathlib.Path(folder) / "archive"
        qemu.make_archive(archive, ["suite", *names], {})
        return qemu.run(["-kernel", str(kernel or qemu.kernel()), "-initrd", str(archive), "-append",
                         " ".join(["suite", *names])], memory_mib=SUITE_MEMORY_MIB,
                        processors=processors)


def _suite(names: list[str], processors: int) -> list[Outcome]:
    begin = time.monotonic()
    result = boot_suite(names, processors)
    save_console(f"suite-{processors}", result)
    seconds = (time.monotonic() - begin) / len(names)
    outcomes = []
    for name in names:
        problem = judge(name, result.console)
        shown = name if processors == 1 else f"{name} [{processors} processors]"
        outcomes.append(Outcome("guest", shown, not problem, problem, seconds))
    return outcomes


def _with_checks(names: list[str]) -> None:
    """The same on a debug kernel, which asserts the order of locks, and whatever else only that one does."""
    folder = qemu.ROOT / "build" / "debug"
    kernel = "kernel/arch_x86_64/quarry.elf"
    for command in (["cmake", "--preset", "debug"], ["ninja", "-C", str(folder), kernel]):
        done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=qemu.ROOT)
        if done.returncode != 0:
            raise Failed(last_lines(done.stdout + done.stderr))
    result = boot_suite(names, 4, folder / kernel)
    save_console("suite-debug", result)
    problems = {name: judge(name, result.console) for name in names}
    if failed := [f"{name}: {problem}" for name, problem in problems.items() if problem]:
        raise Failed("\n".join(failed))


def _repeats(names: list[str]) -> None:
    first, second = boot_suite(names), boot_suite(names)
    if first.console != second.console:
        raise Failed("two runs of the same tests printed different text")


def jobs(only: str) -> list[Job]:
    """The suite, in one boot for each number of processors."""
    every = sorted(path.stem for path in SOURCES.glob("*.cpp"))
    names = [name for name in every if only in name]
    found = [Job(lambda count=count: _suite(names, count)) for count in (1, *PROCESSORS) if names]
    if only in "debug_kernel_finds_nothing_wrong":
        found.append(single("guest", "debug_kernel_finds_nothing_wrong", lambda: _with_checks(every)))
    if only in "runs_repeat_exactly":
        chosen = ["clock_goes_forward", "one_new_step_by_step", "null_write_ends_the_program"]
        found.append(single("guest", "runs_repeat_exactly", lambda: _repeats(chosen)))
    return found
