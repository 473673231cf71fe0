#!/bin/sh
# Runs the guest suite N times (default 50) and says how many runs had a failure: tools/repeat.sh [N]
set -eu
if [ "${1:-}" = "--help" ]; then
    sed -n '2p' "$0" | cut -c3-
    exit 0
fi
cd "$(dirname "$0")/.."
runs=${1:-50}
failed=0
for run in $(seq "$runs"); do
    tools/guest_suite.py > /dev/null || { failed=$((failed + 1)); echo "run $run failed"; }
done
echo "$runs runs, $failed with a failure"
[ "$failed" -eq 0 ]
