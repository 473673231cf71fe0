#!/usr/bin/env python3
"""Runs the guest tests once, in one boot, and prints those that fail."""

import argparse
import sys

from grading import guest


def main() -> int:
    """Runs the suite."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    names = sorted(path.stem for path in guest.SOURCES.glob("*.cpp"))
    console = guest.boot_suite(names).console
    problems = {name: problem for name in names if (problem := guest.judge(name, console))}
    for name, problem in problems.items():
        print(f"{name}: {problem}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
