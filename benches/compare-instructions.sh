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

# A cache that could be listened to, but is not, may cost a hit 2 % at most. A call that may load is also asked above all
# layers whether somebody listens, so it may cost 2.5 %.
awk '
    /^#/ { next }
    { counted[$1] = $2 }
    function adds(bare, traced, percent) {
        if (!(bare in counted) || !(traced in counted)) {
            printf "error: %s and %s are not both counted\n", bare, traced
            return 1
        }
        printf "tracing that is off adds %.1f %% to a %s\n", 100 * (counted[traced] / counted[bare] - 1), bare
        return 100 * counted[traced] > (100 + percent) * counted[bare]
    }
    END {
        get = adds("hit", "hit-traced", 2)
        again = adds("hit-again", "hit-again-traced", 2)
        load = adds("hit-load", "hit-load-traced", 2.5)
        exit get || again || load
    }
' "$counted" || {
    echo "error: tracing that is off costs a hit more than it may" >&2
    exit 1
}

# A hit of a call that may load costs 1.05 of a plain one at most. It has to hash the key and read how often its part of the
# cache has changed before it asks the backend; of a hit that the thread remembers, which takes less than half the
# instructions, that is a larger part.
awk '
    /^#/ { next }
    { counted[$1] = $2 }
    function over(plain, loading, most) {
        if (!(plain in counted) || !(loading in counted)) {
            printf "error: %s and %s are not both counted\n", plain, loading
            return 1
        }
        printf "%s takes %.3f of a %s\n", loading, counted[loading] / counted[plain], plain
        return 1000 * counted[loading] > most * counted[plain]
    }
    END {
        hit = over("hit", "hit-load", 1050)
        again = over("hit-again", "hit-load-again", 1100)
        exit hit || again
    }
' "$counted" || {
    echo "error: a hit of a call that may load costs more than it may" >&2
    exit 1
}
