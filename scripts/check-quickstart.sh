#!/usr/bin/env bash
# Does what a new user does: makes an empty project outside of the repository, adds only the crates that the README
# names, pastes its programs, builds and runs them. The one on Redis is run against a server of its own.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
folder=$(mktemp -d)
server=
trap '[[ -z "$server" ]] || kill "$server"; rm -rf "$folder"' EXIT

# Prints the nth program of the README: a block of Rust that begins with #[tokio::main].
program() {
  python3 - "$root/README.md" "$1" <<'PYTHON'
import re, sys
blocks = re.findall(r"```rust[^\n]*\n(#\[tokio::main\].*?)```", open(sys.argv[1]).read(), re.S)
print(blocks[int(sys.argv[2])])
PYTHON
}

# project NAME PROGRAM CRATE... : builds a project of a program with these crates of the workspace.
project() {
  local name=$1 program=$2
  shift 2
  mkdir -p "$folder/$name/src"
  printf '%s\n' "$program" >"$folder/$name/src/main.rs"
  {
    printf '[package]\nname = "%s"\nversion = "0.1.0"\nedition = "2024"\n[workspace]\n[dependencies]\n' "$name"
    printf 'tokio = { version = "1", features = ["macros", "rt-multi-thread"] }\n'
    for crate in "$@"; do
      # crate or crate:feature, the latter without the default ones.
      local path="$root/crates/${crate%%:*}"
      if [[ "$crate" == *:* ]]; then
        printf '%s = { path = "%s", default-features = false, features = ["%s"] }\n' "${crate%%:*}" "$path" "${crate##*:}"
      else
        printf '%s = { path = "%s" }\n' "$crate" "$path"
      fi
    done
  } >"$folder/$name/Cargo.toml"
  # The versions that the workspace is tested with.
  cp "$root/Cargo.lock" "$folder/$name/"
  cargo build --quiet --manifest-path "$folder/$name/Cargo.toml" --target-dir "${CARGO_TARGET_DIR:-$root/target}"
}

run() {
  local output
  output=$("${CARGO_TARGET_DIR:-$root/target}/debug/$1")
  [[ "$output" == 'Some("Ada")' ]] || { echo "$1 prints $output" >&2; exit 1; }
  echo "$1: runs"
}

memory=$(program 0)
project quickstart-memory "$memory" cache-factory
run quickstart-memory

# Without the factory the first line is another one.
line='    let users = cache_memory::presets::default_cache("users")?.build()?;'
project quickstart-bare "$(sed "s|^    let users = .*|$line|" <<<"$memory")" cache-memory
run quickstart-bare

port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
redis-server --port "$port" --bind 127.0.0.1 --save '' --appendonly no --dir "$folder" >"$folder/redis.log" &
server=$!
project quickstart-redis "$(program 1 | sed "s/localhost:6379/127.0.0.1:$port/")" cache-factory:redis
run quickstart-redis
