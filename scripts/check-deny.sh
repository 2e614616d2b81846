#!/usr/bin/env bash
# Checks licences, bans and sources of all dependencies with cargo-deny, which it installs if it is missing.
# Advisories need their database from the network: they are checked where CHECK_ADVISORIES=1 says that there is one.
set -euo pipefail
cd "$(dirname "$0")/.."

if ! cargo deny --version >/dev/null 2>&1; then
  echo "cargo-deny is missing: installing it"
  cargo install --locked --version 0.20.2 cargo-deny
fi
cargo deny --all-features check bans licenses sources
if [ "${CHECK_ADVISORIES:-0}" = 1 ]; then
  cargo deny --all-features check advisories
else
  echo "advisories: NOT checked here; set CHECK_ADVISORIES=1 where the network has their database"
fi
