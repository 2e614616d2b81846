#!/usr/bin/env bash
# Counts the instructions of each case with callgrind and fails when one takes more than 3 % more than is recorded in
# instructions.txt. With --record it writes that file instead.
#
# Counts do not depend on the load of the machine. They do depend on the compiler, so its version is recorded too.
set -euo pipefail
cd "$(dirname "$0")"

readonly recorded=instructions.txt
readonly times=100000
readonly allowed_percent=3

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

# Prints the instructions of one operation of a case. Only the loop is counted, not what comes before and after.
count() {
    valgrind --tool=callgrind --callgrind-out-file=/dev/null --toggle-collect='hit_instructions::counted*' \
        "$program" "$1" "$times" 2>&1 | awk -v times="$times" '/Collected/ { printf "%d\n", $4 / times + 0.5 }'
}

measured="$(mktemp)"
trap 'rm -f "$measured"' EXIT
for name in $("$program"); do
    # Hash seeds differ from process to process and move a count a little, so the least of three.
    for _ in 1 2 3; do
        echo "$name $(count "$name")"
    done | sort -k2 -n | sed -n 1p
done >"$measured"

if [[ "${1-}" == --record ]]; then
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
awk -v allowed="$allowed_percent" '
    /^#/ { next }
    NR == FNR { recorded[$1] = $2; next }
    FNR == 1 { printf "%-18s %10s %10s %8s\n", "case", "recorded", "counted", "change" }
    !($1 in recorded) {
        printf "%-18s %10s %10d           not recorded, run with --record\n", $1, "-", $2
        failed = 1
        next
    }
    {
        change = 100 * ($2 / recorded[$1] - 1)
        verdict = ""
        # What a set frees depends on the timing of others, so its count is for information.
        if ($1 ~ /set$/) verdict = "for information"
        else if (change > allowed) { verdict = "TOO MANY"; failed = 1 }
        printf "%-18s %10d %10d %+7.1f%% %s\n", $1, recorded[$1], $2, change, verdict
    }
    END { exit failed }
' "$recorded" "$measured" || {
    echo "error: a case takes over $allowed_percent % more instructions; make it cheaper, or say why and --record" >&2
    exit 1
}

# A cache that could be listened to, but is not, may cost a hit 2 % at most. A call that may load is asked twice whether
# somebody listens, above all layers and below, so it may cost 3 %.
awk '
    { counted[$1] = $2 }
    function adds(bare, traced, percent) {
        printf "tracing that is off adds %.1f %% to a %s\n", 100 * (counted[traced] / counted[bare] - 1), bare
        return 100 * counted[traced] > (100 + percent) * counted[bare]
    }
    END {
        get = adds("hit", "hit-traced", 2)
        load = adds("hit-load", "hit-load-traced", 3)
        exit get || load
    }
' "$measured" || {
    echo "error: tracing that is off costs a hit more than it may" >&2
    exit 1
}
