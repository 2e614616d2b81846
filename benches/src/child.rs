//! Running a variant in a process of its own, since what one variant leaves in the heap would be charged to the next.

#![expect(
    clippy::expect_used,
    clippy::missing_panics_doc,
    reason = "a benchmark ends when it cannot run or read itself"
)]

use std::env;
use std::fs;
use std::process::Command;

const VARIANT: &str = "--variant=";

/// Returns the variant that this process is to run, if it is a child.
pub fn variant() -> Option<String> {
    env::args().find_map(|argument| Some(argument.strip_prefix(VARIANT)?.to_owned()))
}

/// Runs a variant in a child, with the arguments of this process, and returns the numbers that it prints.
pub fn run(variant: &str) -> Vec<f64> {
    let program = env::current_exe().expect("a program knows its file");
    let child = Command::new(program)
        .args(env::args().skip(1))
        .arg(format!("{VARIANT}{variant}"))
        .output()
        .expect("the child starts");
    let text = String::from_utf8_lossy(&child.stdout);
    let errors = String::from_utf8_lossy(&child.stderr);
    assert!(child.status.success(), "the variant {variant} failed: {errors}");
    text.split_whitespace()
        .map(|word| word.parse().expect("a child prints numbers"))
        .collect()
}

/// Returns the memory that this process has from the system now, in bytes.
pub fn resident() -> f64 {
    status("VmRSS:")
}

/// Returns the most memory that this process ever had from the system, in bytes.
pub fn most_resident() -> f64 {
    status("VmHWM:")
}

fn status(name: &str) -> f64 {
    let status = fs::read_to_string("/proc/self/status").expect("memory is read from /proc, which Linux has");
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix(name))
        .expect("the kernel tells the memory");
    let kibibytes: f64 = line
        .trim()
        .trim_end_matches("kB")
        .trim()
        .parse()
        .expect("the kernel tells a number");
    kibibytes * 1024.0
}
