#!/usr/bin/env python3
"""Builds and runs every test of Quarry: hosted unit tests, compile-fail tests and guest scenarios. One
line a test, points a group, JUnit XML and the console of every guest in build/<preset>/grade/."""

import argparse
import concurrent.futures
import os
import subprocess
import sys
import time
from xml.etree import ElementTree

import quarry_qemu as qemu
from grading import compile_fail, guest, heap, hosted, image, jos, linux, source
from grading.common import Job, Outcome, folder

POINTS = {"hosted": 30, "compile-fail": 10, "guest": 30, "jos": 10, "machine": 15, "source": 5}


def colour(text: str, code: str) -> str:
    """The text in a colour, on a terminal only."""
    return f"\033[{code}m{text}\033[0m" if sys.stdout.isatty() else text


def show(outcome: Outcome, verbose: bool) -> None:
    """One line, and what went wrong below it."""
    word = colour("pass", "32") if outcome.passed else colour("FAIL", "31")
    print(f"{word}  {outcome.group:<12} {outcome.name}  ({outcome.seconds:.1f} s)", flush=True)
    if not outcome.passed or (verbose and outcome.detail):
        for line in outcome.detail.splitlines():
            print(f"        {line}")


def build() -> bool:
    """Builds all that the tests need."""
    print("Building (a first build takes a few minutes)...", flush=True)
    result = subprocess.run(["ninja", "-C", str(qemu.build_directory())], check=False,
                            capture_output=True, text=True)
    if result.returncode != 0:
        print("\n".join(result.stdout.splitlines()[-60:]))
        print("The build failed; its last lines are above.")
    return result.returncode == 0


def write_junit(outcomes: list[Outcome]) -> None:
    """The results for other tools to read."""
    suites = ElementTree.Element("testsuites")
    for group in POINTS:
        members = [o for o in outcomes if o.group == group]
        suite = ElementTree.SubElement(suites, "testsuite", name=group, tests=str(len(members)),
                                       failures=str(sum(not o.passed for o in members)))
        for outcome in members:
            case = ElementTree.SubElement(suite, "testcase", classname=group, name=outcome.name,
                                          time=f"{outcome.seconds:.3f}")
            if not outcome.passed:
                failure = ElementTree.SubElement(case, "failure", message="failed")
                failure.text = "".join(c for c in outcome.detail if c.isprintable() or c == "\n")
    ElementTree.ElementTree(suites).write(folder() / "junit.xml", encoding="utf-8",
                                          xml_declaration=True)


def run_all(jobs: list[Job], verbose: bool) -> list[Outcome]:
    """Runs the jobs side by side and shows each result as it comes."""
    outcomes: list[Outcome] = []
    with concurrent.futures.ThreadPoolExecutor(max_workers=os.cpu_count() or 2) as pool:
        pending = [pool.submit(job.run) for job in jobs]
        for done in concurrent.futures.as_completed(pending):
            for outcome in done.result():
                show(outcome, verbose)
                outcomes.append(outcome)
    return outcomes


def summary(outcomes: list[Outcome], seconds: float) -> None:
    """Points a group, then the line that tools look for."""
    print()
    for group, points in POINTS.items():
        members = [o for o in outcomes if o.group == group]
        if members:
            passed = sum(o.passed for o in members)
            earned = points * passed // len(members)
            print(f"{group:<12} {passed:>3} of {len(members):<3}  {earned:>3}/{points} points")
    passed = sum(o.passed for o in outcomes)
    print(f"\ntook {seconds:.0f} s; results: {folder() / 'junit.xml'}; consoles: {folder() / 'consoles'}")
    print(f"{passed} passed, {len(outcomes) - passed} failed")


def main() -> int:
    """Parses the command line and runs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="only tests whose name contains this")
    parser.add_argument("--verbose", action="store_true", help="details of tests that pass, too")
    arguments = parser.parse_args()
    begin = time.monotonic()
    try:
        qemu.check_qemu()
        if not build():
            return 1
        jobs: list[Job] = []
        for module in (hosted, heap, image, guest, jos, linux, compile_fail, source):
            jobs += module.jobs(arguments.only)
        if not jobs:
            print(f"No test's name contains '{arguments.only}'.")
            return 2
        outcomes = run_all(jobs, arguments.verbose)
    except qemu.BrokenEnvironment as problem:
        print(f"\nThe environment is broken; this says nothing about Quarry:\n{problem}")
        return 3
    write_junit(outcomes)
    summary(outcomes, time.monotonic() - begin)
    return 0 if outcomes and all(o.passed for o in outcomes) else 1


if __name__ == "__main__":
    sys.exit(main())
