"""GoogleTest programs that run on this machine."""

import json
import os
import pathlib
import subprocess
import tempfile

import quarry_qemu as qemu

from .common import Job, Outcome, last_lines

# The model check, 10^7 calls in all: (program, calls, first seed).
MODEL_PARTS = [("model_test", 5_000_000, 1), ("model_test", 5_000_000, 1001),
               ("model_test_sanitized", 100_000, 5001)]


def _names(binary: pathlib.Path) -> list[str]:
    """The tests of a GoogleTest program: it lists each suite, then its tests, indented."""
    listed = subprocess.run([str(binary), "--gtest_list_tests"], check=False, capture_output=True, text=True)
    names, suite = [], ""
    for line in listed.stdout.splitlines():
        name = line.split("#")[0].strip()
        if line.startswith("  "):
            names.append(suite + name)
        elif name.endswith("."):
            suite = name
    return names


def _run(program: str, label: str, environment: dict[str, str], only: str) -> list[Outcome]:
    binary = qemu.build_directory() / "tests" / "host" / program
    with tempfile.NamedTemporaryFile(suffix=".json") as report:
        arguments = [str(binary), f"--gtest_output=json:{report.name}"]
        if only:
            wanted = [name for name in _names(binary)
                      if only.lower() in (name + label).lower() or only.lower() in program]
            if not wanted:
                return []
            arguments.append(f"--gtest_filter={':'.join(wanted)}")
        result = subprocess.run(arguments, check=False, capture_output=True, text=True,
                                env=os.environ | environment)
        try:
            suites = json.load(open(report.name, encoding="utf-8"))["testsuites"]
        except (json.JSONDecodeError, KeyError):
            detail = last_lines(result.stdout + result.stderr)
            return [Outcome("hosted", label or program, False, f"died:\n{detail}")]
    outcomes = []
    if result.returncode != 0 and not any(suite["failures"] for suite in suites):
        detail = last_lines(result.stdout + result.stderr)  # a sanitizer's report, say
        return [Outcome("hosted", label or program, False, f"ended with {result.returncode}:\n{detail}")]
    for suite in suites:
        for case in suite["testsuite"]:
            if case["result"] != "COMPLETED":
                continue  # disabled, or skipped: neither passed nor failed
            failures = "\n".join(f["failure"] for f in case.get("failures", []))
            name = f"{suite['name']}.{case['name']}{label}"
            outcomes.append(Outcome("hosted", name, not failures, failures,
                                    float(case["time"].rstrip("s"))))
    return outcomes


def _job(program: str, label: str, environment: dict[str, str], only: str) -> Job:
    return Job(lambda: _run(program, label, environment, only))


def jobs(only: str) -> list[Job]:
    """The model check in parts, then every other test program."""
    found = []
    if only.lower() in "model.randomcallsagreewiththereferencemodel model_test":
        for program, calls, seed in MODEL_PARTS:
            label = f" [{calls:,} calls, {'sanitized, ' if 'san' in program else ''}seed {seed}]"
            found.append(_job(program, label, {"QUARRY_MODEL_CALLS": str(calls),
                                               "QUARRY_MODEL_SEED": str(seed)}, only))
    directory = qemu.build_directory() / "tests" / "host"
    for path in sorted(directory.glob("*_test*")):
        if path.is_file() and os.access(path, os.X_OK) and not path.name.startswith("model_test"):
            kind = path.name.split("_test", 1)[1].lstrip("_")
            found.append(_job(path.name, f" [{kind}]" if kind else "", {}, only))
    found.append(_job("slab_test", " [hardened]", {"SLAB_HARDENED": "1"}, only))
    return found
