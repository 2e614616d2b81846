#!/usr/bin/env bash
# Installs valgrind, which counts instructions, unless it is there.
set -euo pipefail
command -v valgrind >/dev/null && exit 0
if [ "$(id -u)" -eq 0 ]; then root=(); else root=(sudo); fi
"${root[@]}" apt-get update -q
"${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends valgrind
