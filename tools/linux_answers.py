#!/usr/bin/env python3
"""What Linux answers to the calls of tests/linux/programs/*_as_linux_does.c, compared with the record in
tests/linux/answers, which is what grading wants of Quarry: kernels and their settings differ in details, so
the grading machine's own is not asked. --write makes the record anew from this machine."""

import argparse
import pathlib
import platform
import sys
import tempfile

from grading import linux


def _asked(folder: pathlib.Path) -> dict[str, str]:
    """What this machine answers, by the source's name. Every C library must get the same."""
    answers: dict[str, str] = {}
    for name in linux.prepare_recorded(folder):
        text, status = linux.expected_here([f"/tests/{name}"], folder)
        stem = name.split(".", 1)[0]
        if status != 0:
            sys.exit(f"{name} ended with {status} on this machine:\n{text}")
        if answers.setdefault(stem, text) != text:
            difference = linux.difference(answers[stem], text)
            sys.exit(f"{name}: another C library gets other answers:\n{difference}")
    return answers


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="make the record from this machine's answers")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        answers = _asked(pathlib.Path(folder))
    if options.write:
        linux.ANSWERS.mkdir(exist_ok=True)
        release = platform.release().split("-")[0]
        head = f"# Linux {release}, {platform.machine()}, as root; tools/linux_answers.py\n"
        for stem, text in answers.items():
            linux.record_of(stem).write_text(head + text, encoding="ascii")
        return 0
    differences = {stem: linux.difference(linux.recorded(stem), text) for stem, text in answers.items()}
    for stem, difference in differences.items():
        print(f"{stem}: {'as recorded' if not difference else difference}")
    return int(any(differences.values()))


if __name__ == "__main__":
    sys.exit(main())
