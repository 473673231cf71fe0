#!/bin/sh
# Writes docs/calls.md from abi/calls.hpp; with --check, only says whether it is current.
set -eu
if [ "${1:-}" = "--help" ]; then
    sed -n '2p' "$0" | cut -c3-
    exit 0
fi
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
clang++-19 -std=gnu++23 -stdlib=libc++ -I. tools/call_reference.cpp -o "$work/reference"
"$work/reference" > "$work/calls.md"
if [ "${1:-}" = "--check" ]; then
    diff -u docs/calls.md "$work/calls.md" || {
        echo "docs/calls.md is not what abi/calls.hpp says: run tools/call_reference.sh"
        exit 1
    }
else
    cp "$work/calls.md" docs/calls.md
fi
