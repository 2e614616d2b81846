#!/usr/bin/env bash
# Compiles all that users build with the Rust version that the workspace declares, which rustup has or gets, where
# CHECK_RUST_VERSION=1 asks for it. Elsewhere, and where there is no such version, check-dependencies.sh still compares what dependencies declare.
set -euo pipefail
cd "$(dirname "$0")/.."

version=$(sed -n 's/^rust-version = "\(.*\)"$/\1/p' Cargo.toml)
if [ -z "$version" ]; then
  echo "error: Cargo.toml declares no rust-version" >&2
  exit 1
fi
if [ "${CHECK_RUST_VERSION:-0}" != 1 ]; then
  echo "Rust $version: NOT compiled here, since that builds everything once more; CHECK_RUST_VERSION=1 does"
  exit 0
fi
if ! command -v rustup >/dev/null; then
  echo "Rust $version: NOT checked here; there is no rustup that could bring it"
  exit 0
fi
if ! rustup run "$version" rustc --version >/dev/null 2>&1 &&
  ! rustup toolchain install "$version" --profile minimal --no-self-update; then
  echo "Rust $version: NOT checked here; rustup neither has it nor can get it"
  exit 0
fi
# The benchmarks compare with caches that need a newer one, and say so themselves.
rustup run "$version" cargo check --locked --quiet --workspace --exclude cache-bench --all-features
echo "all but the benchmarks compiles with $(rustup run "$version" rustc --version)"
