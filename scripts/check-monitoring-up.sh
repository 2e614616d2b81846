#!/usr/bin/env bash
# Checks what scripts/monitoring.sh does and says: without an engine, and with one that notes what it is told and does nothing.
# It works on a copy, so that no deploy/.env of anybody is touched.
set -euo pipefail
cd "$(dirname "$0")/.."

copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
mkdir "$copy/scripts" "$copy/engine" "$copy/none"
cp scripts/monitoring.sh "$copy/scripts"
cp -r deploy "$copy"
rm -f "$copy/deploy/.env"
cat >"$copy/engine/docker" <<'END'
#!/usr/bin/env bash
echo "targets=${CACHE_TARGETS:-} alerting=${CACHE_ALERTING:-} profiles=${COMPOSE_PROFILES:-} $*" >>"$NOTES"
[ -z "${FAILS:-}" ] || [[ $* != *"$FAILS"* ]]
END
chmod +x "$copy/engine/docker"
for program in bash dirname; do ln -s "$(command -v "$program")" "$copy/none/"; done
export NOTES=$copy/notes

fail() {
  echo "error: $*" >&2
  exit 1
}

# Runs the script with the engine; what it says is in `said`, and what the engine was told in the notes.
run() {
  : >"$NOTES"
  said=$(PATH="$copy/engine:$PATH" bash "$copy/scripts/monitoring.sh" "$@" 2>&1)
}
well() { run "$@" || fail "'$*' fails: $said"; }
told() { grep -q -e "$1" "$NOTES" || fail "the engine was not told $1 but: $(cat "$NOTES")"; }
says() { [[ $said == *"$1"* ]] || fail "it should say $1, and said: $said"; }
password() { sed -n 's/^GRAFANA_ADMIN_PASSWORD=//p' "$copy/deploy/.env"; }

if said=$(PATH=$copy/none bash "$copy/scripts/monitoring.sh" up 2>&1); then fail "it came up without an engine: $said"; fi
[ "$(wc -l <<<"$said")" -eq 1 ] || fail "without an engine one line is enough: $said"
says monitoring-local
[ ! -e "$copy/deploy/.env" ] || fail "it made a password for an engine that is not there"

well up
told 'targets=app alerting=off profiles=app .* up --detach --build --wait'
told 'rm --stop --force alertmanager$'
for port in 3000 9090 8080 8081; do says "http://127.0.0.1:$port"; done
first=$(password)
[[ $first =~ ^[0-9a-f]{36}$ ]] || fail "the password of Grafana is $first"
[[ $said != *$first* ]] || fail "it shows the password"
[ "$(find "$copy/deploy/.env" -perm 600)" ] || fail "others can read the password"

sed -i.old 's/^GRAFANA_PORT=.*/GRAFANA_PORT=3001/' "$copy/deploy/.env"
well up host alerting
told 'targets=host alerting=on profiles=,alerting .* up '
told 'rm --stop --force app-memory app-redis redis redis-exporter$'
says http://127.0.0.1:3001
says docs/monitoring.md
[ "$(password)" = "$first" ] || fail "it changed the password"

export FAILS='up --detach'
if run up; then fail "it says that all is well when compose fails"; fi
says deploy/.env
FAILS='rm --stop'
if run up host; then fail "it goes on when another mode stays in its way"; fi
says 'cannot be removed'
unset FAILS
for wrong in 'up alerting' 'up app host' sideways ''; do
  # shellcheck disable=SC2086 # The words are arguments.
  if run $wrong; then fail "it takes '$wrong'"; fi
  [ ! -s "$NOTES" ] || fail "it asks the engine before it reads '$wrong'"
done

well down
told 'profiles=app,alerting .* down --remove-orphans$'
well reset
told 'down --remove-orphans --volumes$'
well logs prometheus
told 'logs --tail 100 prometheus$'
echo "the script does what it says"
