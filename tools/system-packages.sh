#!/bin/sh
# Installs Debian packages: as root or with sudo that asks for no password it says the command and runs it, else it says it and stops.
# usage: tools/system-packages.sh PACKAGE...
set -eu
if ! command -v apt-get >/dev/null 2>&1; then
    echo "Needed, and not here: what Debian calls $*. Install it with this system's package manager, then run this again." >&2
    exit 1
fi
if [ "$(id -u)" -eq 0 ]; then
    sudo=""
elif command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then
    sudo="sudo "
else
    echo "Needed, and not here: $*. Run this, then try again:" >&2
    echo "  sudo apt-get update && sudo apt-get install -y --no-install-recommends $*" >&2
    exit 1
fi
for command in "${sudo}apt-get -q update" "${sudo}env DEBIAN_FRONTEND=noninteractive apt-get -q install -y --no-install-recommends $*"; do
    echo "+ $command"
    $command </dev/null
done
