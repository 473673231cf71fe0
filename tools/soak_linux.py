#!/usr/bin/env python3
"""Random system calls with random arguments from many processes, on four processors, for as long as asked:
kernel and server must go on, and all memory come back."""

import argparse
import concurrent.futures
import pathlib
import re
import subprocess
import sys
import tempfile

import linux_root
import quarry_qemu as qemu

SOURCE = qemu.ROOT / "tests" / "linux" / "hostile" / "random_calls_ruin_only_their_process.c"


CHILDREN, EACH = 1000, 4000


def boot(program: pathlib.Path, seed: int) -> tuple[int, str]:
    """One machine: how many calls were made, and what went wrong."""
    def fill(root: linux_root.Root) -> None:
        root.add_busybox()
        root.add_program(program, "bin/random_calls")
    result = linux_root.run(["/bin/random_calls", str(CHILDREN), str(EACH), str(seed)], fill, processors=4,
                            limit_seconds=1800)
    made = re.search(r"made (\d+) calls", result.console)
    good = result.exit_status() == 0 and "all held" in result.console and "did not come" not in result.console
    return int(made.group(1)) if made else 0, "" if good else f"{result.how()}\n{result.console[-3000:]}"


def main() -> int:
    """Boots again and again, with other seeds each time."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=1_000_000, help="in all (default: a million)")
    parser.add_argument("--seed", type=int, default=1, help="of the first process")
    parser.add_argument("--jobs", type=int, default=2, help="machines at once (default: 2)")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        program = pathlib.Path(folder) / "random_calls"
        subprocess.run(["gcc", "-O1", "-static", "-w", str(SOURCE), "-o", str(program)], check=True)
        done, seed = 0, arguments.seed
        with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
            while done < arguments.calls:
                seeds = [seed + i * CHILDREN for i in range(arguments.jobs)]
                for first, (made, problem) in zip(seeds, pool.map(lambda each: boot(program, each), seeds)):
                    if problem:
                        print(f"seed {first}: {problem}")
                        return 1
                    done += made
                seed += arguments.jobs * CHILDREN
                print(f"{done:,} calls, seeds to {seed - 1}: all held", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
