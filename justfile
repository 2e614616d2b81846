# The recipes of this workspace. `just` lists them.

_list:
    @just --list

# Runs the example on memory; arguments go on to it: just run-example --rate 200
run-example *args:
    cargo run -p using-cache -- {{ args }}

# Runs every test, after installing what they need.
test *args:
    scripts/test.sh {{ args }}

# Runs everything that must hold before a change lands.
ci:
    .ci/run

# Formats the code.
fmt:
    cargo fmt --all

# Runs clippy as the gates do.
lint:
    cargo clippy --workspace --all-targets --all-features -- -D warnings

# Runs one benchmark: hit, set, memory, flood, many. `traces` needs CACHE_TRACES to name a folder of traces.
bench name:
    cargo bench -p cache-bench --bench {{ name }}

# Compares the instructions per hit with the recorded ones.
instructions:
    benches/check-instructions.sh

# Feeds random bytes to what reads stored values, for so many seconds. It needs nightly and cargo-fuzz.
fuzz target="envelope_open" seconds="60":
    cd fuzz && cargo +nightly fuzz run {{ target }} -- -max_total_time={{ seconds }}
