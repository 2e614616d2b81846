#!/usr/bin/env bash
# Checks that deploy/Dockerfile.dockerignore lets everything into the image that the example is built from. An engine is
# not needed: the compiler has written down which files it read.
set -euo pipefail
cd "$(dirname "$0")/.."

# Only a build of the program itself writes down all files of the program.
cargo build --locked --quiet --all-features --bin using-cache
context=$(mktemp -d)
trap 'rm -rf "$context"' EXIT
sed -n 's/^!//p' deploy/Dockerfile.dockerignore | while read -r path; do
  git ls-files --cached --others --exclude-standard -- "$path"
done | tar --create --files-from=- | tar --extract --directory="$context"

root=$(pwd -P)
read -r -a files < <(sed 's/^[^:]*://' "${CARGO_TARGET_DIR:-target}/debug/using-cache.d")
for file in "${files[@]}"; do
  file=${file#"$root"/}
  if [ ! -e "$context/$file" ]; then
    echo "error: $file is built into the example, and deploy/Dockerfile.dockerignore keeps it out of the image" >&2
    exit 1
  fi
done
# Every member of the workspace must be there for any to be built.
(cd "$context" && cargo metadata --locked --offline --no-deps --format-version 1 >/dev/null)
echo "${#files[@]} files are in the context of the image"
