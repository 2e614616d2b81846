#!/usr/bin/env bash
# Checks licences, bans and sources of all dependencies with cargo-deny, which it installs if it is missing, and advisories
# where there is a network to fetch their database from.
set -euo pipefail
cd "$(dirname "$0")/.."

if ! cargo deny --version >/dev/null 2>&1; then
  echo "cargo-deny is missing: installing it"
  cargo install --locked --version 0.20.2 cargo-deny
fi
cargo deny --all-features check bans licenses sources

# A network that swallows everything must not hold up the other gates.
fetch=(cargo deny fetch db)
if command -v timeout >/dev/null; then fetch=(timeout 60 "${fetch[@]}"); fi
if "${fetch[@]}" >/dev/null 2>&1; then
  cargo deny --offline --all-features check advisories
else
  # One that was fetched before may be of any age: git notes the failed attempt as if it were a fetch.
  echo "advisories: NOT checked, since their database cannot be fetched"
fi
