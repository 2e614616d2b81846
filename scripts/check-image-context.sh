#!/usr/bin/env bash
# Builds the example from the files that deploy/Dockerfile.dockerignore lets into the image, and from no others: the
# engine, which would tell, is not needed.
set -euo pipefail
cd "$(dirname "$0")/.."

context=$(mktemp -d)
trap 'rm -rf "$context"' EXIT
sed -n 's/^!//p' deploy/Dockerfile.dockerignore | while read -r path; do
  git ls-files --cached --others --exclude-standard -- "$path"
done | tar --create --files-from=- | tar --extract --directory="$context"
target=$(realpath "${CARGO_TARGET_DIR:-target}")
cd "$context"
CARGO_TARGET_DIR=$target cargo check --locked --quiet -p using-cache
