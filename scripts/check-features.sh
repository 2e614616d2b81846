#!/usr/bin/env bash
# Builds each library with no feature and with each of its features alone.
set -euo pipefail
cd "$(dirname "$0")/.."

metadata=$(cargo metadata --locked --no-deps --format-version 1)
pairs=$(printf '%s' "$metadata" | python3 -c '
import json, sys
for package in json.load(sys.stdin)["packages"]:
    if any("lib" in target["kind"] for target in package["targets"]):
        print(package["name"])
        for feature in package["features"]:
            if feature != "default":
                print(package["name"], feature)
')
while read -r package feature; do
  echo "$package ${feature:+with $feature}"
  cargo check --quiet --locked -p "$package" --no-default-features ${feature:+--features "$feature"}
done <<<"$pairs"
