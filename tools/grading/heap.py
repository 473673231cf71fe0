"""What the heap is checked for beside its unit tests: that it installs, catches mistakes, takes no more
instructions and memory than it should, and agrees with a model on a fuzzer's calls."""

import os
import subprocess
import tempfile

import bench_pairs
import probe_heaps
import quarry_qemu as qemu

from .common import Failed, Job, last_lines, single

LIBRARY = qemu.build_directory() / "heap" / "libslab.so"

# What must be caught: of all probes, and of each of these kinds all. A few hang on random canaries.
LEAST_CAUGHT = {"quarry": 95, "hardened": 170}
ALWAYS_CAUGHT = ("double free", "double free after others", "free of the middle", "unaligned free",
                 "free of static memory", "delete with another size")

# The most memory over the most that is live, where so many blocks in a hundred survive a phase.
MOST_FOR_SURVIVORS = {2: 2.15, 5: 2.3, 10: 2.5}


def _probe(heap: str) -> None:
    found = probe_heaps.probe_heap(heap, str(LIBRARY))
    wrong = list(found.twins_that_failed)
    if found.count() < LEAST_CAUGHT[heap]:
        wrong.append(f"{found.count()} mistakes caught, at least {LEAST_CAUGHT[heap]} wanted")
    wrong += [f"{probe.name}, {probe.size} bytes, {probe.thread} thread: not caught"
              for probe, caught in found.caught.items() if not caught and probe.name in ALWAYS_CAUGHT]
    if wrong:
        raise Failed("\n".join(wrong[:20]))


def _install(compiler: str) -> None:
    """heap/ installs by itself, built by this compiler, and its examples find it and run."""
    with tempfile.TemporaryDirectory() as folder:
        with_it = f"-DCMAKE_CXX_COMPILER={compiler}"
        steps = [["cmake", "-G", "Ninja", "-S", str(qemu.ROOT / "heap"), "-B", f"{folder}/heap", with_it,
                  f"-DCMAKE_INSTALL_PREFIX={folder}/installed"],
                 ["cmake", "--build", f"{folder}/heap"], ["cmake", "--install", f"{folder}/heap"],
                 ["cmake", "-G", "Ninja", "-S", str(qemu.ROOT / "heap" / "examples"),
                  "-B", f"{folder}/examples", with_it, f"-DCMAKE_PREFIX_PATH={folder}/installed"],
                 ["cmake", "--build", f"{folder}/examples"]]
        steps += [[f"{folder}/examples/{each}"] for each in ("program", "objects", "kernel", "firmware")]
        for step in steps:
            result = subprocess.run(step, check=False, capture_output=True, text=True)
            if result.returncode != 0:
                raise Failed(f"{' '.join(step)}:\n{last_lines(result.stdout + result.stderr)}")


def _fuzz() -> None:
    """A look only, of about a million and a half calls: `make fuzz` is for long."""
    binary = str(qemu.build_directory() / "tests" / "host" / "heap_fuzz")
    with tempfile.TemporaryDirectory() as folder:
        result = subprocess.run([binary, "-runs=2500", "-seed=1", "-max_len=4096", "-len_control=0", folder],
                                check=False, capture_output=True, text=True, cwd=folder)
    if result.returncode != 0:
        raise Failed(last_lines(result.stderr))


def _survivors() -> None:
    program = str(qemu.build_directory() / "bench" / "heap_survivors")
    environment = os.environ | {"LD_PRELOAD": str(LIBRARY)}
    wrong = []
    for percent, most in MOST_FOR_SURVIVORS.items():
        for seed in range(4):
            result = subprocess.run([program, str(percent), str(seed)], check=False, capture_output=True,
                                    text=True, env=environment)
            if result.returncode != 0 or float(result.stdout) > most:
                wrong.append(f"{percent} %, seed {seed}: {result.stdout.strip()} {result.stderr}, "
                             f"at most {most} wanted")
    if wrong:
        raise Failed("\n".join(wrong))


def _pairs() -> None:
    recorded = bench_pairs.recorded()
    wrong = []
    for kind, text in bench_pairs.KINDS.items():
        if kind in bench_pairs.LONG:
            continue
        now, before = bench_pairs.count(kind, "quarry", str(LIBRARY)), recorded.get(text, 0)
        if now > before * 1.02:
            wrong.append(f"{text}: {now:.1f} instructions now, {before} recorded; if that must be, record it "
                         "with tools/bench_pairs.py --record")
    if wrong:
        raise Failed("\n".join(wrong))


def jobs(only: str) -> list[Job]:
    """One test each."""
    tests = {"Heap.FuzzedCallsAgreeWithAModel": _fuzz, "Heap.FewSurvivorsKeepLittleMemory": _survivors,
             "Heap.PairsTakeNoMoreInstructionsThanRecorded": _pairs}
    for compiler in ("clang++-19", "c++"):
        tests[f"Heap.InstallsAndItsExamplesRun [{compiler}]"] = lambda compiler=compiler: _install(compiler)
    for heap in LEAST_CAUGHT:
        tests[f"Probes.MistakesAreCaught [{heap}]"] = lambda heap=heap: _probe(heap)
    return [single("hosted", name, test) for name, test in tests.items() if only.lower() in name.lower()]
