#!/usr/bin/env bash
# Shows that users pay only for the crates they use, and that the declared Rust version is true of what we build on.
set -euo pipefail
cd "$(dirname "$0")/.."

# absent PACKAGE[:FEATURES] CRATE...: none of the crates is among the normal dependencies of the package, with all its
# features, or with only those that are named.
absent() {
  local package=${1%%:*} features=(--all-features) tree crate
  if [[ "$1" == *:* ]]; then features=(--no-default-features --features "${1#*:}"); fi
  local what=$1
  shift
  tree=$(cargo tree --locked -p "$package" "${features[@]}" --edges normal --prefix none --format '{p}' | awk '{print $1}' | sort -u)
  for crate in "$@"; do
    if grep -qx "$crate" <<<"$tree"; then
      echo "error: $what pulls $crate" >&2
      exit 1
    fi
  done
  echo "$what: none of $*"
}

# Of tokio it has the tasks, locks and timers, and nothing that does I/O: that would bring mio and socket2.
absent cache-core moka mio socket2 metrics redis deadpool-redis tracing cache-memory cache-metrics cache-testkit
absent cache-memory redis deadpool-redis metrics tracing cache-metrics cache-testkit
absent cache-metrics redis deadpool-redis moka mio socket2 cache-memory cache-testkit
absent cache-redis moka metrics tracing cache-memory cache-metrics cache-testkit
absent cache-tracing redis deadpool-redis moka mio socket2 metrics cache-memory cache-testkit
absent cache-factory:memory,metrics,tracing,schema redis deadpool-redis deadpool cache-redis rustls cache-testkit
absent cache-factory:redis moka cache-memory metrics cache-metrics tracing cache-tracing schemars cache-testkit
absent cache-factory:memory metrics cache-metrics tracing cache-tracing cache-redis schemars postcard rmp-serde

# No library needs a newer compiler than it says, as far as its dependencies say what they need.
cargo metadata --locked --format-version 1 --all-features | python3 -c '
import json, sys
data = json.load(sys.stdin)
version = lambda text: tuple(int(part) for part in text.split(".")[:2])
packages = {package["id"]: package for package in data["packages"]}
nodes = {node["id"]: node for node in data["resolve"]["nodes"]}
failed = False
for name in ("cache-core", "cache-memory", "cache-redis", "cache-metrics", "cache-tracing", "cache-factory"):
    start = next(i for i, package in packages.items() if package["name"] == name and package["source"] is None)
    ours, seen, todo = version(packages[start]["rust_version"]), set(), [start]
    while todo:
        current = todo.pop()
        if current in seen:
            continue
        seen.add(current)
        needs = packages[current]["rust_version"]
        if needs and version(needs) > ours:
            print("error: {} declares Rust {}, but {} needs {}".format(name, ours, packages[current]["name"], needs))
            failed = True
        for dependency in nodes[current]["deps"]:
            if any(kind["kind"] != "dev" for kind in dependency["dep_kinds"]):
                todo.append(dependency["pkg"])
    print("{}: {} crates build with Rust {}.{}".format(name, len(seen), *ours))
sys.exit(failed)
'
