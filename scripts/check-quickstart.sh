#!/usr/bin/env bash
# Does what a new user does: makes an empty project outside of the repository, runs the `cargo add` lines that the README
# has before a program, pastes the program, builds and runs it. Only crates of this workspace come from here and not from
# where the line would take them. The program on Redis is run against a server of its own.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
folder=$(mktemp -d)
server=
trap '[[ -z "$server" ]] || kill "$server"; rm -rf "$folder"' EXIT

# readme SECTION NTH commands|program: the nth program of a section, or the lines before it that add its crates. Of two
# lines for one crate the later one counts.
readme() {
  python3 - "$root/README.md" "$@" <<'PYTHON'
import re, shlex, sys
path, heading, nth, what = sys.argv[1:]
section = open(path).read().split(f"\n## {heading}\n")[1].split("\n## ")[0]
block = list(re.finditer(r"```rust[^\n]*\n(.*?)```", section, re.S))[int(nth)]
if what == "program":
    program = "\n".join(line.removeprefix("# ") for line in block[1].splitlines())
    # As a documentation test is compiled: what has no main is the body of one.
    print(program if "fn main()" in program else "fn main() {\n" + program + "\n}")
else:
    crates = {}
    for command in re.findall(r"`cargo add ([^`]*)`", section[:block.start()]):
        words = shlex.split(command)
        names = [word for word in words if re.fullmatch("[a-z][a-z-]*", word) and words[words.index(word) - 1] != "--features"]
        flags = [word for word in words if word not in names]
        for name in names:
            # A feature of one crate among several is written `crate/feature`.
            own = [flag for flag in flags if "/" not in flag or flag.startswith(name + "/")]
            own = [flag for flag, after in zip(own, own[1:] + [""]) if flag != "--features" or after]
            crates[name] = " ".join([name, *own])
    if not crates:
        sys.exit(f"the section {heading!r} adds no crate before its program {nth}")
    print("\n".join(crates.values()))
PYTHON
}

# project NAME PROGRAM COMMANDS: makes and builds a project. Each command is what follows `cargo add`.
project() {
  local name=$1 program=$2 commands=$3 crate flags
  mkdir -p "$folder/$name/src"
  printf '%s\n' "$program" >"$folder/$name/src/main.rs"
  printf '[package]\nname = "%s"\nversion = "0.1.0"\nedition = "2024"\n[workspace]\n' "$name" >"$folder/$name/Cargo.toml"
  while read -r crate flags; do
    if [[ -d "$root/crates/$crate" ]]; then
      flags="--path $root/crates/$crate $flags"
    else
      flags="$crate $flags"
    fi
    # shellcheck disable=SC2086 # They are several words.
    cargo add --quiet --manifest-path "$folder/$name/Cargo.toml" $flags
  done <<<"$commands"
  # The versions that the workspace is tested with.
  cp "$root/Cargo.lock" "$folder/$name/"
  cargo build --quiet --manifest-path "$folder/$name/Cargo.toml" --target-dir "${CARGO_TARGET_DIR:-$root/target}"
}

# run NAME EXPECTED: runs a project and compares what it prints.
run() {
  local output
  output=$("${CARGO_TARGET_DIR:-$root/target}/debug/$1")
  [[ "$output" == "$2" ]] || { echo "$1 prints $output and not $2" >&2; exit 1; }
  echo "$1: runs"
}

project quickstart-use "$(readme Use 0 program)" "$(readme Use 0 commands)"
run quickstart-use ""

readonly chosen="Choose by configuration"
memory=$(readme "$chosen" 0 program)
commands=$(readme "$chosen" 0 commands)
project quickstart-memory "$memory" "$commands"
run quickstart-memory 'Some("Ada")'

# Without the factory the first line is another one.
line='    let users = cache_memory::presets::default_cache("users")?.build()?;'
project quickstart-bare "$(sed "s|^    let users = .*|$line|" <<<"$memory")" "${commands/cache-factory/cache-memory}"
run quickstart-bare 'Some("Ada")'

port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
redis-server --port "$port" --bind 127.0.0.1 --save '' --appendonly no --dir "$folder" >"$folder/redis.log" &
server=$!
program=$(readme "$chosen" 1 program | sed "s/localhost:6379/127.0.0.1:$port/")
project quickstart-redis "$program" "$(readme "$chosen" 1 commands)"
run quickstart-redis 'Some("Ada")'
