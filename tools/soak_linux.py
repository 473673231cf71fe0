#!/usr/bin/env python3
"""Random system calls with random arguments from many processes, on four processors, for as long as asked:
kernel and server must go on, and all memory come back."""

import argparse
import pathlib
import re
import subprocess
import sys
import tempfile

import linux_root
import quarry_qemu as qemu

SOURCE = qemu.ROOT / "tests" / "linux" / "hostile" / "random_calls_ruin_only_their_process.c"


def main() -> int:
    """Boots again and again, with other seeds each time."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=1_000_000, help="in all (default: a million)")
    parser.add_argument("--seed", type=int, default=1, help="of the first process")
    arguments = parser.parse_args()
    children, each = 1000, 4000
    with tempfile.TemporaryDirectory() as folder:
        program = pathlib.Path(folder) / "random_calls"
        subprocess.run(["gcc", "-O1", "-static", "-w", str(SOURCE), "-o", str(program)], check=True)
        done = boots = 0
        while done < arguments.calls:
            seed = arguments.seed + boots * children
            result = linux_root.run(["/bin/random_calls", str(children), str(each), str(seed)],
                                    lambda root: (root.add_busybox(),
                                                  root.add_program(program, "bin/random_calls")),
                                    processors=4, limit_seconds=1800)
            good = result.exit_status() == 0 and "all held" in result.console
            if not good or "did not come back" in result.console:
                print(f"seed {seed}: {result.how()}\n{result.console[-3000:]}")
                return 1
            done += int(re.search(r"made (\d+) calls", result.console).group(1))
            boots += 1
            print(f"{done:,} calls, seed {seed}: all held", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
