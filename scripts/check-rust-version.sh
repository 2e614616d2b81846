#!/usr/bin/env bash
# Compiles all that users build with the Rust version that the workspace declares, where that version is installed, in a
# folder of its own: it takes two or three minutes once. Elsewhere check-dependencies.sh still compares what dependencies declare.
set -euo pipefail
cd "$(dirname "$0")/.."

version=$(sed -n 's/^rust-version = "\(.*\)"$/\1/p' Cargo.toml)
if [ -z "$version" ]; then
  echo "error: Cargo.toml declares no rust-version" >&2
  exit 1
fi
if ! rustup run "$version" cargo --version >/dev/null 2>&1; then
  echo "Rust $version: NOT compiled here, since it is not installed: rustup toolchain install $version --profile minimal"
  exit 0
fi
# The benchmarks compare with caches that need a newer one, and say so themselves.
rustup run "$version" cargo check --locked --quiet --workspace --exclude cache-bench --all-features \
  --target-dir "${CARGO_TARGET_DIR:-target}/rust-version"
echo "all but the benchmarks compiles with $(rustup run "$version" rustc --version), in $SECONDS s"
