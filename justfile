# `just` lists the verbs. Nothing here is needed to use Tributary: plain cargo does.

_list:
    @just --list

# What CI runs, to the letter
check:
    bash .ci/run

# The tests; with cargo-nextest installed `cargo nextest run` does the same
test *ARGS:
    cargo test {{ARGS}}

# Regenerate what is generated: .sqlx and openapi/openapi.json. Needs DATABASE_URL of an empty database
gen:
    cargo run --quiet -- migrate
    rm -rf .sqlx && mkdir .sqlx && touch src/lib.rs
    SQLX_OFFLINE=false SQLX_OFFLINE_DIR="$PWD/.sqlx" cargo check --all-targets
    cargo run --quiet -- openapi > openapi/openapi.json

# Our requests against RealtimeKit's own description, and its random answers as polls. Needs npm
contract:
    tests/contract/run

# The demo
run *ARGS:
    cargo run -- demo {{ARGS}}

# First load and unchanged re-poll against COPY of the same rows
bench *ARGS:
    cargo bench --bench ingest -- {{ARGS}}

# Questions about figures against the best SQL by hand for each
bench-questions *ARGS:
    cargo bench --bench questions -- {{ARGS}}

# Bytes that break a reader: json_repair, csv, subtitles or cursor. Needs cargo-fuzz and a nightly compiler
fuzz TARGET SECONDS="300":
    cp Cargo.lock fuzz/Cargo.lock
    mkdir -p fuzz/found/{{TARGET}}
    cargo +nightly fuzz run {{TARGET}} fuzz/found/{{TARGET}} fuzz/corpus/{{TARGET}} -- -max_total_time={{SECONDS}}
