"""What a test is, for tools/grade.py."""

import dataclasses
import pathlib
import subprocess
import time
from collections.abc import Callable

import quarry_qemu as qemu


@dataclasses.dataclass
class Outcome:
    """One test's result."""
    group: str
    name: str
    passed: bool
    detail: str = ""
    seconds: float = 0.0


@dataclasses.dataclass
class Job:
    """Something to run that gives one result or several."""
    run: Callable[[], list[Outcome]]


class Failed(Exception):
    """What a test expected and what came."""


def folder() -> pathlib.Path:
    """Where results go."""
    path = qemu.build_directory() / "grade"
    (path / "consoles").mkdir(parents=True, exist_ok=True)
    return path


def save_console(name: str, result: qemu.Result) -> None:
    """Keeps what a guest said, with how it was started."""
    text = f"$ {' '.join(result.command)}\n{result.console}\n[{result.how()}]\n"
    (folder() / "consoles" / f"{name}.txt").write_text(text, encoding="utf-8")


def single(group: str, name: str, test: Callable[[], None]) -> Job:
    """A job of one test: it passes unless it raises Failed."""
    def run() -> list[Outcome]:
        begin = time.monotonic()
        try:
            test()
        except qemu.BrokenEnvironment:
            raise
        except (Failed, OSError, subprocess.SubprocessError) as problem:
            return [Outcome(group, name, False, str(problem), time.monotonic() - begin)]
        return [Outcome(group, name, True, "", time.monotonic() - begin)]
    return Job(run)


def last_lines(text: str, count: int = 20) -> str:
    """The end of a long text."""
    return "\n".join(text.splitlines()[-count:])
