#!/bin/sh
# Records a run of a program, then starts gdb on its replay, where reverse-step and reverse-continue work.
# Options are those of tools/run.py; GDB_COMMANDS names a file of commands to run instead of a prompt.
set -eu
if [ "${1:-}" = "--help" ]; then
    sed -n '2,3p' "$0" | cut -c3-
    exit 0
fi
cd "$(dirname "$0")/.."
record=$(mktemp -d)
trap 'rm -rf "$record"' EXIT
tools/run.py --record "$record/run" "$@" || true
echo "Recorded. gdb now has the same run again, stopped at its first instruction."
tools/debug.sh --replay "$record/run" "$@"
