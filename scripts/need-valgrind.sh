#!/usr/bin/env bash
# Installs valgrind, which counts instructions, unless it is there.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/install.sh
source scripts/install.sh
need valgrind=valgrind=valgrind
