//! The table in `docs/faults.md` names tests that exist, and every row of the matrix stands in it.

use std::collections::BTreeSet;
use std::env;
use std::path::Path;
use std::process::Command;

const CELLS: [&str; 5] = ["get", "get_or_load", "set", "delete_and_clear", "many_keys"];

/// The names of all tests in this program.
fn tests() -> BTreeSet<String> {
    let listed = Command::new(env::current_exe().unwrap())
        .args(["--list", "--format", "terse"])
        .output()
        .unwrap();
    let listed = String::from_utf8(listed.stdout).unwrap();
    listed
        .lines()
        .filter_map(|line| Some(line.strip_suffix(": test")?.to_owned()))
        .collect()
}

/// The names in the document: the last one of each line of a table, and those in the text.
fn named() -> BTreeSet<String> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/faults.md");
    let text = std::fs::read_to_string(file).unwrap();
    let quoted = text.split('`').skip(1).step_by(2);
    quoted
        .filter(|word| word.contains("::"))
        .map(str::to_owned)
        .collect()
}

#[test]
fn every_test_that_the_document_names_exists() {
    let tests = tests();
    assert!(tests.len() > 100, "{} tests", tests.len());
    for name in named() {
        let cells = CELLS.map(|cell| format!("{name}::{cell}"));
        assert!(
            tests.contains(&name) || cells.iter().all(|cell| tests.contains(cell)),
            "docs/faults.md names {name}, and there is no such test"
        );
    }
}

#[test]
fn every_row_of_the_matrix_is_in_the_document() {
    let named = named();
    for test in tests() {
        if let Some((row, "get")) = test.rsplit_once("::") {
            assert!(named.contains(row), "docs/faults.md does not name {row}");
        }
    }
}
