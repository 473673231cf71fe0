"""GoogleTest programs that run on this machine."""

import json
import os
import pathlib
import subprocess
import tempfile

import probe_heaps
import bench_pairs
import quarry_qemu as qemu

from .common import Job, Outcome, last_lines

# The model check, 10^7 calls in all: (program, calls, first seed).
MODEL_PARTS = [("model_test", 5_000_000, 1), ("model_test", 5_000_000, 1001),
               ("model_test_sanitized", 100_000, 5001)]


def _is_wanted(only: str, program: str, name: str) -> bool:
    return only.lower() in name.lower() or only.lower() in program


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
            wanted = [name for name in _names(binary) if _is_wanted(only, program, name + label)]
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
            failures = "\n".join(f["failure"] for f in case.get("failures", []))
            name = f"{suite['name']}.{case['name']}{label}"
            if _is_wanted(only, program, name):
                outcomes.append(Outcome("hosted", name, not failures, failures,
                                        float(case["time"].rstrip("s"))))
    return outcomes


# What must be caught: of all probes, and of each of these kinds all. A few hang on random canaries.
LEAST_CAUGHT = {"quarry": 95, "hardened": 170}
ALWAYS_CAUGHT = ("double free", "double free after others", "free of the middle", "unaligned free",
                 "free of static memory", "delete with another size")


def _probe(heap: str) -> list[Outcome]:
    found = probe_heaps.probe_heap(heap, str(qemu.build_directory() / "heap" / "libslab.so"))
    wrong = list(found.twins_that_failed)
    if found.count() < LEAST_CAUGHT[heap]:
        wrong.append(f"{found.count()} mistakes caught, at least {LEAST_CAUGHT[heap]} wanted")
    wrong += [f"{probe.name}, {probe.size} bytes, {probe.thread} thread: not caught"
              for probe, caught in found.caught.items() if not caught and probe.name in ALWAYS_CAUGHT]
    return [Outcome("hosted", f"Probes.MistakesAreCaught [{heap}]", not wrong, "\n".join(wrong[:20]))]


def _examples(name: str) -> list[Outcome]:
    """heap/ installs by itself, built by this compiler, and its examples find it and run."""
    title = f"Heap.InstallsAndItsExamplesRun [{name}]"
    with tempfile.TemporaryDirectory() as folder:
        compiler = f"-DCMAKE_CXX_COMPILER={name}"
        steps = [["cmake", "-G", "Ninja", "-S", str(qemu.ROOT / "heap"), "-B", f"{folder}/heap", compiler,
                  f"-DCMAKE_INSTALL_PREFIX={folder}/installed"],
                 ["cmake", "--build", f"{folder}/heap"], ["cmake", "--install", f"{folder}/heap"],
                 ["cmake", "-G", "Ninja", "-S", str(qemu.ROOT / "heap" / "examples"),
                  "-B", f"{folder}/examples", compiler, f"-DCMAKE_PREFIX_PATH={folder}/installed"],
                 ["cmake", "--build", f"{folder}/examples"]]
        steps += [[f"{folder}/examples/{each}"] for each in ("program", "objects", "kernel", "firmware")]
        for step in steps:
            result = subprocess.run(step, check=False, capture_output=True, text=True)
            if result.returncode != 0:
                detail = f"{' '.join(step)}:\n{last_lines(result.stdout + result.stderr)}"
                return [Outcome("hosted", title, False, detail)]
    return [Outcome("hosted", title, True, "")]


def _fuzz() -> list[Outcome]:
    binary = str(qemu.build_directory() / "tests" / "host" / "heap_fuzz")
    with tempfile.TemporaryDirectory() as folder:
        result = subprocess.run([binary, "-runs=10000", "-seed=1", "-max_len=4096", "-len_control=0", folder],
                                check=False, capture_output=True, text=True, cwd=folder)
    detail = "" if result.returncode == 0 else last_lines(result.stderr)
    return [Outcome("hosted", "Heap.FuzzedCallsAgreeWithAModel", result.returncode == 0, detail)]


# The most memory over the most that is live, where so many blocks in a hundred survive a phase.
MOST_FOR_SURVIVORS = {2: 2.15, 5: 2.3, 10: 2.5}


def _survivors() -> list[Outcome]:
    program = str(qemu.build_directory() / "bench" / "heap_survivors")
    environment = os.environ | {"LD_PRELOAD": str(qemu.build_directory() / "heap" / "libslab.so")}
    wrong = []
    for percent, most in MOST_FOR_SURVIVORS.items():
        for seed in range(4):
            result = subprocess.run([program, str(percent), str(seed)], check=False, capture_output=True,
                                    text=True, env=environment)
            if result.returncode != 0 or float(result.stdout) > most:
                wrong.append(f"{percent} %, seed {seed}: {result.stdout.strip()} {result.stderr}, "
                             f"at most {most} wanted")
    return [Outcome("hosted", "Heap.FewSurvivorsKeepLittleMemory", not wrong, "\n".join(wrong))]


def _pairs() -> list[Outcome]:
    recorded = bench_pairs.recorded()
    library = str(qemu.build_directory() / "heap" / "libslab.so")
    wrong = []
    for kind, text in bench_pairs.KINDS.items():
        if kind in bench_pairs.LONG:
            continue
        now, before = bench_pairs.count(kind, "quarry", library), recorded.get(text, 0)
        if now > before * 1.02:
            wrong.append(f"{text}: {now:.1f} instructions now, {before} recorded; if that must be, record it "
                         "with tools/bench_pairs.py --record")
    return [Outcome("hosted", "Heap.PairsTakeNoMoreInstructionsThanRecorded", not wrong, "\n".join(wrong))]


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
    if only.lower() in "heap.installsanditsexamplesrun":
        found += [Job(lambda name=name: _examples(name)) for name in ("clang++-19", "c++")]
    if only.lower() in "heap.fuzzedcallsagreewithamodel":
        found.append(Job(_fuzz))
    if only.lower() in "heap.fewsurvivorskeeplittlememory":
        found.append(Job(_survivors))
    if only.lower() in "heap.pairstakenomoreinstructionsthanrecorded":
        found.append(Job(_pairs))
    if only.lower() in "probes.mistakesarecaught":
        found += [Job(lambda heap=heap: _probe(heap)) for heap in LEAST_CAUGHT]
    return found
