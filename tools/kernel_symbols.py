#!/usr/bin/env python3
"""Writes an assembler file with a linked kernel's functions, for its panics to name them."""

import argparse
import subprocess
import sys


def functions(elf: str) -> list[tuple[int, str]]:
    """(address, demangled name) of every function, ascending."""
    listing = subprocess.run(
        ["llvm-nm-19", "--demangle", "--defined-only", "--numeric-sort", elf],
        check=True, capture_output=True, text=True).stdout
    found = []
    for line in listing.splitlines():
        address, kind, name = line.split(" ", 2)
        if kind in "tTwW" and int(address, 16) >= 1 << 63:
            found.append((int(address, 16), name.replace("(anonymous namespace)::", "").split("(", 1)[0]))
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kernel", help="the ELF file of the first link")
    parser.add_argument("output", help="the assembler file to write")
    arguments = parser.parse_args()
    symbols = functions(arguments.kernel)
    with open(arguments.output, "w", encoding="ascii") as out:
        out.write('.section .quarry_symbols, "a"\n.balign 8\n')
        out.write(f".global kernel_symbol_count\nkernel_symbol_count: .quad {len(symbols)}\n")
        out.write(".global kernel_symbol_table\nkernel_symbol_table:\n")
        for index, (address, _) in enumerate(symbols):
            out.write(f"    .quad {address:#x}, name_{index}\n")
        for index, (_, name) in enumerate(symbols):
            out.write(f'name_{index}: .asciz "{name}"\n')
    return 0


if __name__ == "__main__":
    sys.exit(main())
