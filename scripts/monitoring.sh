#!/usr/bin/env bash
# The monitoring stack of deploy/: up [app|host] [alerting], down, reset, logs [SERVICE], local [ARGUMENTS OF THE EXAMPLE].
set -euo pipefail
cd "$(dirname "$0")/.."

# Sets `compose` to the compose tool of an engine that answers, or says in one line what to do without.
find_engine() {
  compose=()
  if docker info >/dev/null 2>&1; then
    if docker compose version >/dev/null 2>&1; then compose=(docker compose); fi
  elif podman info >/dev/null 2>&1; then
    if podman compose version >/dev/null 2>&1; then compose=(podman compose); fi
  else
    echo "error: no container engine answers (docker, podman); start one, or use \`just monitoring-local\`, which takes a Prometheus of this machine" >&2
    exit 1
  fi
  if [ ${#compose[@]} -eq 0 ]; then
    if command -v docker-compose >/dev/null; then compose=(docker-compose); else
      echo "error: the engine has no compose plugin; install it, or use \`just monitoring-local\`" >&2
      exit 1
    fi
  fi
  compose+=(--project-name gofr-cache -f deploy/compose.yaml --env-file deploy/.env)
}

# Makes deploy/.env on first use, with a password that nobody else has.
make_env() {
  [ -f deploy/.env ] && return
  local password
  password=$(od -An -N18 -tx1 /dev/urandom | tr -d ' \n')
  (umask 077 && sed "s/^GRAFANA_ADMIN_PASSWORD=$/&$password/" deploy/.env.example >deploy/.env)
  echo "made deploy/.env with a password for Grafana's user admin"
}

port() { sed -n "s/^$1=//p" deploy/.env; }

up() {
  local mode=${1:-app} alerting=${2:-} profiles=
  case $mode in app) profiles=app ;; host) ;; *) echo "error: up takes app or host, not $mode" >&2; exit 2 ;; esac
  case $alerting in alerting) profiles=$profiles,alerting ;; "") ;; *) echo "error: behind $mode comes alerting or nothing" >&2; exit 2 ;; esac
  find_engine
  make_env
  # What another mode started would keep running, and hold its ports.
  local unwanted=()
  if [ "$mode" = host ]; then unwanted+=(app-memory app-redis redis redis-exporter); fi
  if [ -z "$alerting" ]; then unwanted+=(alertmanager); fi
  if [ ${#unwanted[@]} -gt 0 ]; then
    local said
    if ! said=$(COMPOSE_PROFILES=app,alerting "${compose[@]}" rm --stop --force "${unwanted[@]}" 2>&1); then
      echo "$said" >&2
      echo "error: what another mode started cannot be removed; the lines above say why" >&2
      exit 1
    fi
  fi
  if ! CACHE_TARGETS=$mode CACHE_ALERTING=$([ "$alerting" ] && echo on || echo off) COMPOSE_PROFILES=$profiles \
    "${compose[@]}" up --detach --build --wait --wait-timeout 600 --remove-orphans; then
    echo "error: not all of it came up; the lines above or \`just monitoring-logs\` say why, and ports that are taken change in deploy/.env" >&2
    exit 1
  fi
  echo "Grafana     http://127.0.0.1:$(port GRAFANA_PORT)  (to look needs no login; admin's password is in deploy/.env)"
  echo "Prometheus  http://127.0.0.1:$(port PROMETHEUS_PORT)/alerts"
  if [ "$alerting" ]; then echo "Alertmanager http://127.0.0.1:$(port ALERTMANAGER_PORT)"; fi
  if [ "$mode" = app ]; then
    echo "the example http://127.0.0.1:$(port APP_MEMORY_PORT) in memory, http://127.0.0.1:$(port APP_REDIS_PORT) on Redis"
  else
    echo "it scrapes port 8080 of this host: docs/monitoring.md says where the service must listen"
  fi
}

# Everything that may run is asked to stop, whatever mode it was started in.
down() {
  find_engine
  make_env
  COMPOSE_PROFILES=app,alerting "${compose[@]}" down --remove-orphans "$@"
}

logs() {
  find_engine
  make_env
  COMPOSE_PROFILES=app,alerting "${compose[@]}" logs --tail 100 "$@"
}

# Prometheus of this machine against an example of this machine, without containers. Ctrl-C ends both.
local_stack() {
  command -v prometheus >/dev/null || {
    echo "error: there is no prometheus; install it with apt-get install prometheus or brew install prometheus" >&2
    exit 1
  }
  if [[ " $* " == *" --listen"* ]]; then
    echo "error: Prometheus must know where the example listens; set CACHE_EXAMPLE_LISTEN instead of --listen" >&2
    exit 2
  fi
  cargo build --locked --quiet -p using-cache
  local folder app=${CACHE_EXAMPLE_LISTEN:-127.0.0.1:8080} web=127.0.0.1:${PROMETHEUS_PORT:-9090}
  folder=$(mktemp -d)
  pids=()
  trap 'kill "${pids[@]}" 2>/dev/null || true; wait; rm -rf "'"$folder"'"' EXIT
  # Each program in a group of its own: Ctrl-C reaches this script only, which then asks each of them once.
  set -m
  local told=
  trap 'told=yes' INT TERM
  cp -r deploy/prometheus/prometheus.yml deploy/prometheus/rules "$folder"
  mkdir "$folder/targets" "$folder/alerting"
  printf '[{ "targets": ["%s"] }]' "$app" >"$folder/targets/gofr-cache.json"
  echo '[]' | tee "$folder/targets/redis.json" >"$folder/alerting/alertmanager.json"
  "${CARGO_TARGET_DIR:-target}/debug/using-cache" --listen "$app" "$@" &
  pids+=($!)
  prometheus --config.file="$folder/prometheus.yml" --storage.tsdb.path="$folder/data" --web.listen-address="$web" \
    --log.level=warn &
  pids+=($!)
  echo "Prometheus  http://$web/alerts and http://$web/graph; Ctrl-C ends it and the example"
  # When one of them ends, for whatever reason, so does the other.
  while [ -z "$told" ] && kill -0 "${pids[0]}" 2>/dev/null && kill -0 "${pids[1]}" 2>/dev/null; do
    sleep 0.5 &
    wait $! || true
  done
  if [ -z "$told" ]; then
    echo "error: one of them ended, as the lines above say; ports that are taken change with PROMETHEUS_PORT=9091 and CACHE_EXAMPLE_LISTEN=127.0.0.1:8090" >&2
    exit 1
  fi
}

command=${1:-}
shift || true
case $command in
up) up "$@" ;;
down) down ;;
reset) down --volumes ;;
logs) logs "$@" ;;
local) local_stack "$@" ;;
*)
  echo "usage: $0 up [app|host] [alerting] | down | reset | logs [SERVICE] | local [ARGUMENTS OF THE EXAMPLE]" >&2
  exit 2
  ;;
esac
