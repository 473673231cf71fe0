#!/usr/bin/env python3
"""Opens a heap map of several dumps in headless Chromium and looks whether each dump is drawn.

Takes a screenshot, too, for a person to look at. Nothing is fetched: the page must need nothing else.
"""

import argparse
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

import quarry_qemu as qemu

# Phases of which a quarter survives, with a dump before and after each.
PROGRAM = """
import ctypes, random, sys
heap = ctypes.CDLL(None)
def dump(): heap.slab_dump(sys.argv[1].encode())
random.seed(1)
live = []
for phase in range(4):
    live += [bytes(random.choice((40, 90, 200, 700, 3000)) * (1 + phase) + random.randrange(60))
             for _ in range(4000)]
    live.append(bytes(300_000 * phase))
    dump()
    random.shuffle(live)
    del live[len(live) // 4:]
    dump()
"""
DUMPS = 8


def chromium(page: str, *options: str) -> subprocess.CompletedProcess:
    """Chromium on a page, with no way to any other place."""
    program = shutil.which("chromium")
    if program is None:
        sys.exit("check-heapmap: chromium is not installed; `make check-heapmap` installs it")
    with tempfile.TemporaryDirectory() as profile:
        return subprocess.run(
            [program, "--headless=new", "--no-sandbox", "--disable-gpu", f"--user-data-dir={profile}",
             "--host-resolver-rules=MAP * ~NOTFOUND", "--enable-logging=stderr", "--window-size=1200,1000",
             "--virtual-time-budget=5000", *options, page],
            check=False, capture_output=True, text=True, timeout=120)


def make_page(folder: pathlib.Path) -> pathlib.Path:
    """A page of the program's dumps."""
    dumps = folder / "dumps"
    environment = os.environ | {"LD_PRELOAD": str(qemu.build_directory() / "heap" / "libslab.so"),
                                "PYTHONMALLOC": "malloc"}
    subprocess.run([sys.executable, "-c", PROGRAM, str(dumps)], check=True, env=environment)
    page = folder / "map.html"
    subprocess.run([str(qemu.ROOT / "tools" / "heapmap.py"), str(dumps), "-o", str(page)], check=True,
                   stdout=subprocess.DEVNULL)
    return page


def wrong_with(page: pathlib.Path, number: int) -> str:
    """What is not as it should be when the page shows that dump; nothing, if all is."""
    done = chromium(f"{page.as_uri()}#{number}", "--dump-dom")
    complaints = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    if complaints:
        return complaints[0]
    found = re.search(r'<p id="line">Dump (\d+) of (\d+)\. ([^<]*)</p>', done.stdout)
    if not found or (int(found.group(1)), int(found.group(2))) != (number, DUMPS):
        return f"it does not say that it shows dump {number} of {DUMPS}: {done.stdout[:300]}"
    drawing = re.search(r'<svg id="map".*?</svg>', done.stdout, re.DOTALL)
    cells = drawing.group(0).count("<rect") if drawing else 0
    columns = re.search(r'<svg id="time".*?</svg>', done.stdout, re.DOTALL)
    if cells < 10 or not columns or columns.group(0).count("<rect") != 4 * DUMPS:
        return f"{cells} cells are drawn, and not a column for each dump"
    return ""


def main() -> int:
    """Makes the page, looks at every dump, takes the picture."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("--screenshot", type=pathlib.Path,
                        default=qemu.build_directory() / "heapmap.png", help="where to put it")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        page = make_page(pathlib.Path(folder))
        wrong = {number: text for number in range(1, DUMPS + 1) if (text := wrong_with(page, number))}
        chromium(f"{page.as_uri()}#2", f"--screenshot={arguments.screenshot.resolve()}")
    for number, text in wrong.items():
        print(f"check-heapmap: dump {number}: {text}", file=sys.stderr)
    if not arguments.screenshot.exists():
        print("check-heapmap: there is no screenshot", file=sys.stderr)
        return 1
    print(f"check-heapmap: {DUMPS} dumps, {len(wrong)} not as they should be; "
          f"look at {arguments.screenshot}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
