#!/usr/bin/env bash
# Compares counts of instructions with recorded ones: compare-instructions.sh RECORDED COUNTED, two files of lines that hold
# a case and its number. It fails when a case takes more than 3 % more, when a call that may load or tracing that is off costs
# a hit more than it may, and when anything was not counted.
set -euo pipefail

readonly allowed_percent=3

if [[ $# != 2 ]]; then
    echo "usage: ${0##*/} RECORDED COUNTED" >&2
    exit 2
fi
readonly recorded=$1 counted=$2

# A count that failed is blank or 0, which would read as a great improvement.
awk '
    /^#/ { next }
    NF != 2 || $2 !~ /^[0-9]+$/ || $2 + 0 == 0 { printf "error: no count: %s:%d: %s\n", FILENAME, FNR, $0; failed = 1; next }
    FILENAME == ARGV[1] { recorded[$1] = 1 }
    FILENAME == ARGV[2] { counted[$1] = 1 }
    END {
        for (name in recorded) if (!(name in counted) && ARGV[1] != ARGV[2]) {
            printf "error: %s is recorded and was not counted\n", name
            failed = 1
        }
        exit failed
    }
' "$recorded" "$counted" >&2

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
' "$recorded" "$counted" || {
    echo "error: a case takes over $allowed_percent % more instructions; make it cheaper, or say why and --record" >&2
    exit 1
}

# What a way around may cost, in thousandths of the plain way. A cache that could be listened to, but is not, may cost a hit 2 %
# at most; a call that may load is also asked above all layers whether somebody listens, so it may cost 2.5 %. A hit of a call
# that may load costs 1.05 of a plain one at most: it has to hash the key and read how often its part of the cache has changed
# before it asks the backend. Where values may be given stale both look at the clock once more. Where they are renewed before they
# end only the call that may load does, and the clock alone is more than that, so it is held to a get that looks at it too.
awk '
    /^#/ { next }
    { counted[$1] = $2 }
    function over(plain, other, most) {
        if (!(plain in counted) || !(other in counted)) {
            printf "error: %s and %s are not both counted\n", plain, other
            return 1
        }
        printf "%s takes %.3f of %s, and may take %.3f\n", other, counted[other] / counted[plain], plain, most / 1000
        return 1000 * counted[other] > most * counted[plain]
    }
    END {
        failed += over("hit", "hit-traced", 1020)
        failed += over("hit-again", "hit-again-traced", 1020)
        failed += over("hit-load", "hit-load-traced", 1025)
        failed += over("hit", "hit-load", 1050)
        failed += over("hit-again", "hit-load-again", 1050)
        failed += over("hit-stale", "hit-load-stale", 1050)
        failed += over("hit-stale-again", "hit-load-stale-again", 1050)
        failed += over("hit-stale", "hit-load-ahead", 1050)
        failed += over("hit-stale-again", "hit-load-ahead-again", 1050)
        exit failed > 0
    }
' "$counted" || {
    echo "error: tracing that is off, or a call that may load, costs a hit more than it may" >&2
    exit 1
}
