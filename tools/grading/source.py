"""Checks of the sources and of the built kernel that take seconds."""

import subprocess

import quarry_qemu as qemu

from .common import Failed, Job, single


def _tool(*command: str) -> None:
    result = subprocess.run([str(qemu.ROOT / "tools" / command[0]), *command[1:]], check=False,
                            capture_output=True, text=True)
    if result.returncode != 0:
        raise Failed(result.stdout + result.stderr)


def jobs(only: str) -> list[Job]:
    """The include arrows, formatting, floating point in the kernel, the call references."""
    named = {
        "include_arrows_point_one_way": lambda: _tool("lint.py", "includes"),
        "sources_are_formatted": lambda: _tool("lint.py", "format"),
        "kernel_has_no_floating_point": lambda: _tool("lint.py", "kernel"),
        "scripts_are_clean": lambda: _tool("lint.py", "scripts"),
        "linux_call_table_is_current": lambda: _tool("linux_call_table.py", "--check"),
        "call_reference_is_current": lambda: _tool("call_reference.sh", "--check"),
    }
    return [single("source", name, test) for name, test in named.items() if only in name]
