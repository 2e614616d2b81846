//! The program. All of it is in the library, so that tests and benchmarks can use its parts.

use std::process::ExitCode;

fn main() -> ExitCode {
    using_cache::main()
}
