//! Whether a benchmark program was asked to measure, or only to be there.

/// Says whether cargo runs the program as a benchmark. `cargo test --all-targets` runs it too, and then it has nothing
/// to do.
pub fn is_asked_for() -> bool {
    std::env::args().any(|argument| argument == "--bench")
}
