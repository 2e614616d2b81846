# The recipes of this workspace. `just` lists them.

# So that `"$@"` in a recipe is its arguments as they were given, blanks included.
set positional-arguments

_list:
    @just --list

# Runs the example on memory; arguments go on to it, with or without `--` before them: just run-example --rate 200
run-example *args:
    @if [ "${1:-}" = "--" ]; then shift; fi; cargo run -p using-cache -- "$@"

# Starts Prometheus, Grafana and the example in containers, and waits until all is well. `host` scrapes an example on this machine; `alerting` adds an Alertmanager.
[no-exit-message]
monitoring-up mode="app" alerting="":
    @scripts/monitoring.sh up {{ mode }} {{ alerting }}

# Stops it and keeps its data.
monitoring-down:
    @scripts/monitoring.sh down

# Stops it and deletes its data, the password of Grafana included.
monitoring-reset:
    @scripts/monitoring.sh reset

# Shows what the services logged, or one of them.
monitoring-logs service="":
    @scripts/monitoring.sh logs {{ service }}

# Runs a Prometheus of this machine against the example, without containers; arguments go on to the example.
[no-exit-message]
monitoring-local *args:
    @scripts/monitoring.sh local "$@"

# Writes the dashboards and docs/metrics.md anew from the code.
dashboards:
    cargo run -p cache-dashboards

# Draws the dashboards into docs/pictures with data of so many seconds. It needs Node; Chromium and more it installs.
pictures seconds="600":
    scripts/draw-dashboards.sh {{ seconds }}

# Checks dashboards, rules and the stack, on a running Prometheus too. It installs what it needs.
check-monitoring:
    scripts/check-monitoring.sh

# Runs every test, after installing what they need.
test *args:
    scripts/test.sh "$@"

# Runs everything that must hold before a change lands.
ci:
    .ci/run

# Formats the code.
fmt:
    cargo fmt --all

# Runs clippy as the gates do.
lint:
    cargo clippy --workspace --all-targets --all-features -- -D warnings

# Runs one benchmark: hit, set, memory, expire, flood, many, load, redis. `traces` needs CACHE_TRACES to name a folder of traces.
bench name:
    cargo bench -p cache-bench --bench {{ name }}

# Compares the instructions per hit with the recorded ones.
instructions:
    benches/check-instructions.sh

# Feeds random bytes to what reads stored values, for so many seconds. It needs nightly and cargo-fuzz.
fuzz target="envelope_open" seconds="60":
    cd fuzz && cargo +nightly fuzz run {{ target }} -- -max_total_time={{ seconds }}
