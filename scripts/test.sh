#!/usr/bin/env bash
# Runs every test. What the tests need beside a Rust toolchain it installs first: prometheus with promtool, redis-server.
# Arguments go on to cargo test.
set -euo pipefail
cd "$(dirname "$0")/.."

# Runs a command as root, by whatever means there is.
as_root() {
  if [ "$(id -u)" -eq 0 ]; then "$@"; elif command -v sudo >/dev/null; then sudo "$@"; else
    echo "error: installing needs root: run as root, or install sudo" >&2
    exit 1
  fi
}

# Installs the package of a program that is missing: need PROGRAM APT_PACKAGE BREW_PACKAGE
need() {
  command -v "$1" >/dev/null && return
  echo "$1 is missing: installing it"
  if command -v apt-get >/dev/null; then
    as_root apt-get update -q
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "$2"
  elif command -v brew >/dev/null; then
    brew install "$3"
  else
    echo "error: $1 is missing and there is neither apt-get nor brew; install it and run this again" >&2
    exit 1
  fi
}

need prometheus prometheus prometheus
need promtool prometheus prometheus
need redis-server redis-server redis

cargo test --locked --all-features "$@"
