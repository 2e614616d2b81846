#!/usr/bin/env bash
# Builds each library with no feature and with each of its features alone, and the factory with each combination of
# those that choose what a cache is made of.
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

for combination in {,memory},{,redis},{,metrics},{,tracing}; do
  # Empty names between the commas are none, and one feature alone was built above.
  features=$(tr -s ',' <<<"$combination" | sed 's/^,//; s/,$//')
  if [[ "$features" == *,* ]]; then
    echo "cache-factory with $features"
    cargo check --quiet --locked -p cache-factory --no-default-features --features "$features"
  fi
done

# Of what is not compiled in the factory says which feature it needs.
cargo test --quiet --locked -p cache-factory --no-default-features --lib -- which_feature_it_needs
