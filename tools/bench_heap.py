#!/usr/bin/env python3
"""Times programs with this project's heap and with others, under LD_PRELOAD, interleaved.

Each row is a program; each figure is the ratio to the row's best heap: CPU time (the median of the
runs) and peak memory. One heap is entered twice, as a control: the suite counts if the two agree
to 2 %.
"""

import argparse
import math
import mmap
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

import quarry_qemu as qemu

LIBRARIES = pathlib.Path("/usr/lib/x86_64-linux-gnu")
HEAPS = {
    "quarry": None,  # the build's own
    "hardened": None,  # the same library, told by its environment
    "unchecked": None,  # the same sources, built without checks
    "mimalloc": LIBRARIES / "libmimalloc.so.2",
    "jemalloc": LIBRARIES / "libjemalloc.so.2",
    "gperftools": LIBRARIES / "libtcmalloc_minimal.so.4",
    "glibc": "",
    "scudo": pathlib.Path("/usr/lib/llvm-19/lib/clang/19/lib/linux/"
                          "libclang_rt.scudo_standalone-x86_64.so"),
}
OURS = ("quarry", "hardened", "unchecked")
CONTROL = "mimalloc"  # entered twice
REAL = ("python3", "lua", "sqlite", "jq", "clang", "gcc")
OWN = ["server", "queue", "stress", "numbers", "large", "tree", "growth", "density", "phases"]
EXTRA = ["wide"]  # not in the means: CAVEATS.md cites them
AT_REST = {
    "once": "allocated and freed one block",
    "afterwards": "freed 160 MB of blocks, and a second later made 4,096 calls",
}
THREADED = ["server", "queue", "stress", "tree"]
# A machine that takes longer is not recorded: rows that touch much memory would tell of it, not of heaps.
MOST_TOUCH_MICROSECONDS = 4.0

LUA = """local function tree(d) if d == 0 then return {} end return {tree(d - 1), tree(d - 1)} end
for i = 1, 100 do tree(15) end"""
PYTHON = """import json
rows = [{"a": i, "b": str(i) * 3, "c": [i]} for i in range(80000)]
for _ in range(2): again = json.loads(json.dumps(rows))"""
SQL = """create table t(a integer primary key, b text, c real);
with recursive s(x) as (select 1 union all select x + 1 from s where x < 320000)
insert into t select x, hex(x * 7919 % 1000003), x * 1.5 from s;
create index i on t(b); update t set b = b || 'x' where a % 3 = 0; delete from t where a % 5 = 0;"""


def touch_microseconds() -> float:
    """What the first write to a page takes here: fault, zeroing and all."""
    with mmap.mmap(-1, 64 << 20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS) as area:
        def write_each_page() -> float:
            begin = time.perf_counter()
            for at in range(0, len(area), mmap.PAGESIZE):
                area[at] = 1
            return time.perf_counter() - begin
        first = write_each_page()
        return (first - write_each_page()) * mmap.PAGESIZE / len(area) * 1e6


def commands(folder: pathlib.Path, only: str) -> dict[str, tuple[list[str], dict[str, str]]]:
    """Every row: the command and what it wants in its environment."""
    programs = str(qemu.build_directory() / "bench" / "heap_programs")
    rows: dict[str, tuple[list[str], dict[str, str]]] = {}
    for name in OWN + (EXTRA if only else []):
        rows[name] = ([programs, name], {})
    for name in THREADED:
        rows[f"{name}, 2 threads"] = ([programs, name, "2"], {})
    text = folder / "input.json"
    text.write_text("[" + ",".join(f'{{"id":{i},"name":"row {i}","tags":["a","b",{i}]}}'
                                   for i in range(200_000)) + "]", encoding="ascii")
    source = folder / "input.cpp"
    source.write_text("#include <map>\n#include <regex>\n#include <string>\n#include <vector>\n"
                      "std::map<std::string, std::vector<int>> m;\n"
                      "bool f(std::string const& s) { return std::regex_match(s, std::regex(s)); }\n",
                      encoding="ascii")
    out = str(folder / "output.o")
    rows["python3"] = (["python3", "-c", PYTHON], {"PYTHONMALLOC": "malloc"})
    rows["lua"] = (["lua5.4", "-e", LUA], {})
    rows["sqlite"] = (["sqlite3", ":memory:", SQL], {})
    rows["jq"] = (["jq", "-c", "map(select(.id % 7 == 0)) | length", str(text)], {})
    rows["clang"] = (["clang++-19", "-O1", "-c", str(source), "-o", out], {})
    rows["gcc"] = (["g++", "-O1", "-c", str(source), "-o", out], {})
    return {name: row for name, row in rows.items() if only.lower() in name.lower()}


def found_heaps(wanted: str) -> dict[str, str]:
    """Name and library of each wanted heap that this machine has; says which it lacks."""
    heaps = {}
    for name, library in HEAPS.items():
        if wanted and name not in wanted.split(","):
            continue
        if library is None:
            library = (qemu.build_directory() / "heap" /
                       ("libslab_unchecked.so" if name == "unchecked" else "libslab.so"))
        if library == "" or pathlib.Path(library).exists():
            heaps[name] = str(library)
        else:
            print(f"bench-heap: no {name} here ({library})", file=sys.stderr)
    if CONTROL in heaps:
        heaps[CONTROL + " again"] = heaps[CONTROL]
    return heaps


def run(command: list[str], environment: dict[str, str], heap: str,
        library: str) -> tuple[float, int, int]:
    """CPU seconds, peak memory in KiB, and anonymous memory at the end, of one run."""
    settings = dict(os.environ, **environment, SLAB_HARDENED="1" if heap == "hardened" else "0")
    if library:
        settings["MEASURED_PRELOAD"] = library
    launcher = str(qemu.build_directory() / "bench" / "run_measured")
    result = subprocess.run([launcher, *command], env=settings, check=False, capture_output=True,
                            text=True)
    if result.returncode != 0:
        sys.exit(f"bench-heap: {' '.join(command)[:60]} with {library or 'glibc'} "
                 f"ended with {result.returncode}\n{result.stderr}")
    microseconds, peak, anonymous = result.stdout.split()
    return int(microseconds) / 1e6, int(peak), int(anonymous)


def measure(rows: dict, heaps: dict[str, str], runs: int) -> dict[str, dict[str, tuple]]:
    """Median time, least peak and all times of each row and heap; heaps take turns, each round begins
    elsewhere."""
    results: dict[str, dict[str, tuple]] = {}
    names = list(heaps)
    for row, (command, environment) in rows.items():
        print(f"bench-heap: {row} ({runs} runs of {len(heaps)} heaps)...", file=sys.stderr)
        seen: dict[str, list[tuple[float, int, int]]] = {name: [] for name in names}
        for turn in range(runs):
            first = turn % len(names)
            for name in names[first:] + names[:first]:
                seen[name].append(run(command, environment, name, heaps[name]))
        results[row] = {name: (statistics.median(time for time, _, _ in values),
                               min(peak for _, peak, _ in values),
                               [time for time, _, _ in values])
                        for name, values in seen.items()}
    return results


def lower_bound(values: list[float]) -> float:
    """The lower end of a 95 % confidence interval of the median, or of a wider one where there are few
    values: an order statistic, whatever the distribution."""
    count = len(values)
    below = 0  # so many values may be left out at each end
    while 2 * sum(math.comb(count, i) for i in range(below + 2)) <= 0.05 * 2 ** count:
        below += 1
    return sorted(values)[below]


def time_bounds(results: dict, peers: list[str]) -> dict[str, float]:
    """How much of the best peer's time this project's heap takes in each row, at least: round by round."""
    bounds = {}
    for row, values in results.items():
        best = min(peers, key=lambda name, values=values: values[name][0])
        bounds[row] = lower_bound([own / peer for own, peer in
                                   zip(values["quarry"][2], values[best][2], strict=True)])
    return bounds


def geomean(values: list[float]) -> float:
    """The geometric mean."""
    return math.exp(sum(math.log(value) for value in values) / len(values))


def peers_of(names: list[str]) -> list[str]:
    """All but this project's own, if there are any."""
    return [name for name in names if name not in OURS] or names


def hardened_cost(results: dict) -> str:
    """What the hardened heap costs over the default one."""
    cost = {row: [values["hardened"][index] / values["quarry"][index] for index in (0, 1)]
            for row, values in results.items()}
    real = [values[0] for row, values in cost.items() if row in REAL] or [1.0]
    return (f"Hardened over default: {geomean([values[0] for values in cost.values()]):.3f} in time, "
            f"{geomean(real):.3f} over real programs, "
            f"{geomean([values[1] for values in cost.values()]):.3f} in memory.")


def remote_frees(heaps: dict[str, str], runs: int) -> str:
    """Nanoseconds of CPU time for a block that a producer makes and a consumer frees, two of each."""
    blocks = 2 * 40_000 * 256  # as bench/heap_programs.cpp has it
    programs = str(qemu.build_directory() / "bench" / "heap_programs")
    measured = measure({"two producers, two consumers": ([programs, "queue", "4"], {})}, heaps, runs)
    cells = [f"{name} {values[0] / blocks * 1e9:.1f}" for name, values in
             next(iter(measured.values())).items() if not name.endswith("again")]
    return ("A block made by one of two producers, touched, and freed by one of two consumers, ns of CPU "
            f"time: {', '.join(cells)}.")


def at_rest(heaps: dict[str, str]) -> list[str]:
    """What programs that have little or nothing hold: a table."""
    programs = str(qemu.build_directory() / "bench" / "heap_programs")
    names = [name for name in heaps if not name.endswith("again")]
    lines = ["### Anonymous memory of programs at rest, KiB", "", f"| program | {' | '.join(names)} |",
             "|---|" + "---:|" * len(names)]
    for name, says in AT_REST.items():
        cells = [f"{min(run([programs, name], {}, heap, heaps[heap])[2] for _ in range(3)):,}"
                 for heap in names]
        lines.append(f"| {says} | {' | '.join(cells)} |")
    return lines + [""]


def ratios(results: dict, names: list[str], index: int) -> dict[str, dict[str, float]]:
    """Of each row, each heap's figure over the best peer's: not counting this project's own."""
    found = {}
    for row, values in results.items():
        best = min(values[name][index] for name in peers_of(names))
        found[row] = {name: values[name][index] / best for name in names}
    return found


def table(title: str, unit: str, rows: dict[str, dict[str, float]], names: list[str],
          absolute: dict[str, float]) -> list[str]:
    """One Markdown table with the geometric means below."""
    lines = [f"### {title}", "", f"| row | best peer, {unit} | {' | '.join(names)} |",
             "|---|---:|" + "---:|" * len(names)]
    for row, values in rows.items():
        cells = " | ".join(f"{values[name]:.2f}" for name in names)
        lines.append(f"| {row} | {absolute[row]:,.2f} | {cells} |")
    means = " | ".join(f"**{geomean([values[name] for values in rows.values()]):.3f}**"
                       for name in names)
    return lines + [f"| **geometric mean** | | {means} |", ""]


def axis(values: list[float], begin: float, end: float) -> tuple:
    """A scale from ratios to places, logarithmic, and the marks on it."""
    low, high = min(0.95, *values) * 0.97, max(values) * 1.1
    marks = [mark for mark in (0.8, 0.9, 1, 1.1, 1.25, 1.5, 2, 2.5, 3, 4, 5, 7, 10) if low < mark < high]
    return (lambda value: begin + math.log(value / low) / math.log(high / low) * (end - begin)), marks


def picture(points: dict[str, tuple[float, float]]) -> str:
    """An SVG: each heap a point, CPU time to the right, peak memory upwards."""
    width, height, margin = 640, 440, 60
    across, times = axis([point[0] for point in points.values()], margin, width - margin - 40)
    upward, peaks = axis([point[1] for point in points.values()], height - margin, margin / 2)
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
             'font-family="sans-serif" font-size="13">',
             f'<rect width="{width}" height="{height}" fill="#fff"/>']
    for mark in times:
        parts.append(f'<path d="M{across(mark):.1f} {margin / 2}V{height - margin}" stroke="#e4e4e4"/>'
                     f'<text x="{across(mark):.1f}" y="{height - margin + 18}" fill="#666" '
                     f'text-anchor="middle">{mark:g}</text>')
    for mark in peaks:
        parts.append(f'<path d="M{margin} {upward(mark):.1f}H{width - margin}" stroke="#e4e4e4"/>'
                     f'<text x="{margin - 8}" y="{upward(mark) + 4:.1f}" fill="#666" '
                     f'text-anchor="end">{mark:g}</text>')
    last = -100.0
    for name, point in sorted(points.items(), key=lambda item: -item[1][1]):
        x, y = across(point[0]), upward(point[1])
        own = name in OURS
        last = max(y + 4, last + 15)  # labels of neighbours do not overlap
        parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{7 if own else 5}" '
                     f'fill="{"#c2410c" if own else "#64748b"}"/><text x="{x + 11:.1f}" y="{last:.1f}" '
                     f'font-weight="{"bold" if own else "normal"}">{name}</text>')
    parts.append(f'<text x="{width / 2}" y="{height - 14}" text-anchor="middle">CPU time over the '
                 'best peer of each program, geometric mean</text>')
    parts.append(f'<text x="18" y="{height / 2}" text-anchor="middle" transform="rotate(-90 18 '
                 f'{height / 2})">peak memory, the same</text></svg>')
    return "\n".join(parts) + "\n"


def main() -> int:
    """Measures, prints the tables, writes the picture."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("--runs", type=int, default=9, help="of each program and heap (default: 9)")
    parser.add_argument("--only", default="", help="rows whose name has this in it; there is one more, wide")
    parser.add_argument("--heaps", default="", help="these only, with commas between them")
    parser.add_argument("--record", action="store_true", help="write bench/heap.md and bench/heap.svg")
    arguments = parser.parse_args()
    touch = touch_microseconds()
    print(f"bench-heap: the first write to a page takes {touch:.1f} us here", file=sys.stderr)
    if arguments.record and touch > MOST_TOUCH_MICROSECONDS:
        parser.error(f"a machine is recorded where that takes at most {MOST_TOUCH_MICROSECONDS} us: try "
                     "again later or elsewhere, or without --record")
    heaps = found_heaps(arguments.heaps)
    with tempfile.TemporaryDirectory() as folder:
        rows = commands(pathlib.Path(folder), arguments.only)
        if not rows:
            parser.error(f"no row has {arguments.only!r} in its name")
        results = measure(rows, heaps, max(1, arguments.runs))
        remote = remote_frees(heaps, max(1, arguments.runs)) if not arguments.only else ""
        rest = at_rest(heaps) if not arguments.only else []
    names = list(heaps)
    times, peaks = ratios(results, names, 0), ratios(results, names, 1)
    peers = peers_of(names)
    lines = table("CPU time", "s", times, names,
                  {row: min(v[n][0] for n in peers) for row, v in results.items()})
    lines += table("Peak memory", "MiB", peaks, names,
                   {row: min(v[n][1] for n in peers) / 1024 for row, v in results.items()})
    lines += rest
    if "quarry" in names:
        bounds = time_bounds(results, peers)
        high = [f"{row} {bound:.2f}" for row, bound in bounds.items() if bound > 1.10]
        lines.append("Rows whose time over the best peer's is above 1.10 with 95 % confidence: "
                     f"{', '.join(high) or 'none'}.\n")
    if CONTROL in heaps:
        control = (geomean([row[CONTROL + " again"] for row in times.values()]) /
                   geomean([row[CONTROL] for row in times.values()]))
        lines.append(f"Control: {CONTROL} entered twice differs by a factor of {control:.3f} in time"
                     f"{'' if 0.98 <= control <= 1.02 else ': too much, so run this again'}.")
    if {"quarry", "hardened"} <= set(names):
        lines += ["", hardened_cost(results)]
    if {"quarry", "unchecked"} <= set(names):
        checks = geomean([row["quarry"] / row["unchecked"] for row in times.values()])
        lines += ["", f"With checks over without: {checks:.3f} in time."]
    if remote:
        lines += ["", remote]
    print("\n".join(lines))
    if arguments.record:
        folder = qemu.ROOT / "bench"
        head = ["# Heaps", "", "Printed by `make bench-heap`: ratios to the best peer of each row, "
                f"{arguments.runs} runs, heaps in turn, where the first write to a page takes "
                f"{touch:.1f} us. docs/measuring.md says how.", ""]
        (folder / "heap.md").write_text("\n".join(head + lines) + "\n", encoding="utf-8")
        points = {name: (geomean([row[name] for row in times.values()]),
                         geomean([row[name] for row in peaks.values()]))
                  for name in names if not name.endswith("again")}
        (folder / "heap.svg").write_text(picture(points), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
