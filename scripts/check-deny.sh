#!/usr/bin/env bash
# Checks licences, bans and sources of all dependencies with cargo-deny, which it installs if it is missing, and advisories
# where there is a network to fetch their database from or where one is here that is not old.
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
elif ! compgen -G "${CARGO_HOME:-$HOME/.cargo}/advisory-dbs/advisory-db-*" >/dev/null; then
  echo "advisories: NOT checked, since their database is not here and cannot be fetched"
elif said=$(cargo deny --offline --all-features check advisories 2>&1); then
  echo "advisories: ok by the database that was fetched before; it cannot be fetched now"
elif [[ "$said" == *"repository is stale"* ]]; then
  echo "advisories: NOT checked, since their database is old and cannot be fetched"
else
  echo "$said" >&2
  exit 1
fi
