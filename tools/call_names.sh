#!/bin/sh
# Writes the names of all of Linux's calls as C++ initialisers, from <asm/unistd_64.h>: call_names.sh FILE.
set -eu

if [ "${1:---help}" = "--help" ]; then
    sed -n '2p' "$0" | cut -c3-
    exit 0
fi
calls=/usr/include/x86_64-linux-gnu/asm/unistd_64.h
sed -n 's/^#define __NR_\([a-z0-9_]*\) \([0-9]*\)$/{\2, "\1"},/p' "$calls" > "$1"
