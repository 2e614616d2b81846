#!/usr/bin/env bash
# Counts the instructions of each case with callgrind and compares them with those that are recorded in instructions.txt, as
# compare-instructions.sh says. With --record it writes that file instead.
#
# Counts do not depend on the load of the machine. They do depend on the compiler, so its version is recorded too.
set -euo pipefail
cd "$(dirname "$0")"

readonly recorded=instructions.txt
readonly times=100000

if ! command -v valgrind >/dev/null; then
    echo "error: valgrind is not installed; install it with: apt-get install valgrind" >&2
    exit 1
fi
case "${1-}" in
    "" | --record) ;;
    *)
        echo "usage: ${0##*/} [--record]" >&2
        exit 2
        ;;
esac

cargo build --quiet --release --package cache-bench --bin hit_instructions
program="$(cargo metadata --format-version 1 --no-deps | sed 's/.*"target_directory":"\([^"]*\)".*/\1/')/release/hit_instructions"

# Prints a case and the instructions of one of its operations. Only the loop is counted, not what comes before and after.
count() {
    valgrind --tool=callgrind --callgrind-out-file=/dev/null --toggle-collect='hit_instructions::counted*' \
        "$program" "$1" "$times" 2>&1 | awk -v name="$1" -v times="$times" '/Collected/ { printf "%s %d\n", name, $4 / times + 0.5 }'
}
export -f count
export program times

measured="$(mktemp)"
trap 'rm -f "$measured"' EXIT
cases="$("$program")"
# Hash seeds differ from process to process and move a count a little, so the least of three; of six where a few keys are asked
# for again and again, of which two may share a place. Counts do not depend on what else runs, so each core takes one.
awk '{ runs = /again/ ? 6 : 3; while (runs-- > 0) print }' <<<"$cases" |
    xargs -P "$(getconf _NPROCESSORS_ONLN)" -I '{}' bash -c 'set -o pipefail; count "{}"' |
    awk -v cases="$cases" '
        !($1 in least) || $2 < least[$1] { least[$1] = $2 }
        END { count = split(cases, name, "\n"); for (at = 1; at <= count; at++) print name[at], least[name[at]] }
    ' >"$measured"

if [[ "${1-}" == --record ]]; then
    ./compare-instructions.sh "$measured" "$measured" >/dev/null
    {
        echo "# Instructions of one operation, written by check-instructions.sh --record."
        echo "# date: $(date +%F)"
        echo "# rustc: $(rustc --version)"
        cat "$measured"
    } >"$recorded"
    cat "$recorded"
    exit
fi

version="$(sed -n 's/^# rustc: //p' "$recorded")"
if [[ "$version" != "$(rustc --version)" ]]; then
    echo "note: recorded with $version, counted with $(rustc --version); a difference may be the compiler's"
fi
./compare-instructions.sh "$recorded" "$measured"
