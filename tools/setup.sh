#!/bin/sh
# Installs the Debian packages that are missing. INSTALL=no only prints the line to type.
# PACKAGES="name…" installs these instead of those of tools/packages.txt.
set -eu

if [ "${1:-}" = "--help" ]; then
    sed -n '2p' "$0" | cut -c3-
    exit 0
fi

cd "$(dirname "$0")/.."
missing=""
for package in ${PACKAGES:-$(grep -v '^#' tools/packages.txt)}; do
    if ! dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed'; then
        missing="$missing $package"
    fi
done
[ -n "$missing" ] || exit 0

as_root=""
[ "$(id -u)" -eq 0 ] || as_root="sudo "
line="${as_root}apt-get install -y --no-install-recommends$missing"
echo "Missing Debian packages:$missing"
if [ "${INSTALL:-yes}" = "no" ]; then
    echo "Install them with:"
    echo "  $line"
    exit 1
fi
if [ -n "$as_root" ] && ! command -v sudo >/dev/null; then
    echo "You are not root and there is no sudo. As root, run:" >&2
    echo "  apt-get install -y --no-install-recommends$missing" >&2
    exit 1
fi
echo "Installing them (INSTALL=no would only print the command)..."
export DEBIAN_FRONTEND=noninteractive
${as_root}apt-get update -q >/dev/null
if ! $line >/tmp/quarry-setup.$$ 2>&1; then
    tail -n 20 /tmp/quarry-setup.$$ >&2
    rm -f /tmp/quarry-setup.$$
    echo "The installation failed; its last lines are above. Is this Debian 12 with its package sources?" >&2
    exit 1
fi
rm -f /tmp/quarry-setup.$$
