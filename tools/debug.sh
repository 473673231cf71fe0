#!/bin/sh
# Starts QEMU stopped and gdb attached to it, with the kernel's symbols and the `quarry` commands.
# Options are those of tools/run.py; GDB_COMMANDS names a file of commands to run instead of a prompt.
set -eu
if [ "${1:-}" = "--help" ]; then
    sed -n '2,3p' "$0" | cut -c3-
    exit 0
fi
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'kill "$guest" 2>/dev/null || true; rm -rf "$work"' EXIT
socket="$work/gdb"
tools/run.py --gdb "$socket" "$@" </dev/null >"$work/console" 2>&1 &
guest=$!
while [ ! -S "$socket" ]; do
    kill -0 "$guest" 2>/dev/null || { cat "$work/console"; exit 1; }
done
kernel="build/${QUARRY_PRESET:-release}/kernel/arch_x86_64/quarry.elf"
echo "Console output goes to $work/console. Try: break quarry_user_trap, continue, quarry spaces"
if [ -n "${GDB_COMMANDS:-}" ]; then
    gdb -q -nx -batch -ex "target remote $socket" -x tools/quarry_gdb.py -x "$GDB_COMMANDS" "$kernel"
else
    gdb -q -ex "target remote $socket" -x tools/quarry_gdb.py "$kernel"
fi
