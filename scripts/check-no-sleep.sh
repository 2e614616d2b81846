#!/usr/bin/env bash
# Shows that no writer of a memory cache ever sleeps, as moka does in the thread of its caller when its queue of writes is
# full: floods of writes run under strace, which it installs if it is missing. The same floods over moka alone must sleep,
# or the check would prove nothing.
set -euo pipefail
cd "$(dirname "$0")/.."

if [ "$(uname)" != Linux ]; then
  echo "sleeps: NOT checked here; strace is of Linux"
  exit 0
fi
# shellcheck source=scripts/install.sh
source scripts/install.sh
need strace=strace=strace
if ! strace -f -qq -e trace=nanosleep -o /dev/null true; then
  echo "sleeps: NOT checked here; this machine lets no program watch another one"
  exit 0
fi

program=$(cargo test --locked --quiet --no-run --message-format=json -p cache-memory --test processes |
  sed -n 's/.*"executable":"\([^"]*\)".*/\1/p' | tail -n 1)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

# Prints how often a flood slept.
sleeps() {
  local flood=$1 said
  said=$(CACHE_MEMORY_FLOOD=$flood strace -f -qq -e trace=nanosleep,clock_nanosleep -o "$folder/calls" \
    "$program" flood_of_a_child --exact --nocapture)
  # A flood that did not run did not sleep either.
  if [[ $said != *"flooded: "* ]]; then
    echo "error: the flood '$flood' did not run: $said" >&2
    return 1
  fi
  grep -c nanosleep "$folder/calls" || true
}

for by in threads tasks; do
  for over in ours unlimited weighed large brief; do
    slept=$(sleeps "$over $by")
    if [ "$slept" -ne 0 ]; then
      echo "error: writers slept $slept times in a flood by $by over a cache ($over)" >&2
      exit 1
    fi
  done
  slept=$(sleeps "moka $by")
  if [ "$slept" -eq 0 ]; then
    echo "error: moka alone did not sleep in a flood by $by, so the check proves nothing" >&2
    exit 1
  fi
  echo "a flood by $by: no sleep; over moka alone $slept"
done
