#!/usr/bin/env bash
# Runs every test. What the tests need beside a Rust toolchain it installs first: prometheus with promtool, redis-server.
# Arguments go on to cargo test.
set -euo pipefail
cd "$(dirname "$0")/.."

# shellcheck source=scripts/install.sh
source scripts/install.sh

need prometheus=prometheus=prometheus "promtool=$(promtool_package)=prometheus" redis-server=redis-server=redis

cargo test --locked --all-features "$@"
