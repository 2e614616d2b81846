//! What the gate on instructions passes and what it does not. It is given counts, so that nothing is counted here.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::process::Command;

const RECORDED: [(&str, &str); 14] = [
    ("hit", "1000"),
    ("hit-traced", "1010"),
    ("hit-again", "500"),
    ("hit-again-traced", "505"),
    ("hit-load", "1050"),
    ("hit-load-again", "515"),
    ("hit-load-traced", "1070"),
    ("hit-stale", "1060"),
    ("hit-stale-again", "560"),
    ("hit-load-stale", "1100"),
    ("hit-load-stale-again", "580"),
    ("hit-load-ahead", "1100"),
    ("hit-load-ahead-again", "580"),
    ("set", "5000"),
];

/// Says whether the gate passes if these cases are counted so, and what it prints. Without a count a case is left out.
fn gate(changed: &[(&str, Option<&str>)]) -> (bool, String) {
    let folder = tempfile::tempdir().unwrap();
    let lines = |change: &dyn Fn(&str) -> Option<Option<String>>| {
        let line = |(name, count): &(&str, &str)| match change(name) {
            Some(None) => None,
            Some(Some(count)) => Some(format!("{name} {count}\n")),
            None => Some(format!("{name} {count}\n")),
        };
        RECORDED.iter().filter_map(line).collect::<String>()
    };
    let change = |name: &str| {
        let found = changed.iter().find(|(changed, _)| *changed == name);
        found.map(|(_, count)| count.map(str::to_owned))
    };
    let (recorded, counted) = (folder.path().join("recorded"), folder.path().join("counted"));
    fs::write(&recorded, "# rustc: any\n".to_owned() + &lines(&|_| None)).unwrap();
    fs::write(&counted, lines(&change)).unwrap();
    let mut gate = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/compare-instructions.sh"));
    let output = gate.args([recorded, counted]).output().unwrap();
    let told = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(told).unwrap())
}

#[test]
fn the_same_counts_pass_and_those_that_are_a_little_higher() {
    for hit in ["1000", "1029", "900"] {
        let hits = ["hit", "hit-traced", "hit-load", "hit-load-traced"];
        let (passes, told) = gate(&hits.map(|name| (name, Some(hit))));
        assert!(passes, "{hit}: {told}");
    }
}

#[test]
fn a_case_that_takes_more_fails_unless_it_is_a_set() {
    let more = [("hit", Some("1031")), ("hit-traced", Some("1031"))];
    assert!(!gate(&more).0);
    assert!(gate(&[("set", Some("9000"))]).0);
}

#[test]
fn a_count_that_failed_fails() {
    for count in ["", "0", "-5", "nan", "1000 2000"] {
        let (passes, told) = gate(&[("hit", Some(count))]);
        assert!(!passes && told.contains("no count"), "{count:?}: {told}");
    }
}

#[test]
fn a_case_that_is_recorded_and_no_longer_counted_fails() {
    for name in ["set", "hit", "hit-again-traced"] {
        let (passes, told) = gate(&[(name, None)]);
        assert!(!passes && told.contains("was not counted"), "{name}: {told}");
    }
}

#[test]
fn tracing_that_is_off_may_add_little() {
    for (traced, most, too_many) in [
        ("hit-traced", "1020", "1021"),
        ("hit-again-traced", "510", "511"),
        ("hit-load-traced", "1076", "1077"),
    ] {
        let (passes, told) = gate(&[(traced, Some(most))]);
        assert!(passes, "{traced} {most}: {told}");
        assert!(!gate(&[(traced, Some(too_many))]).0, "{traced} {too_many}");
    }
}

#[test]
fn a_hit_of_a_call_that_may_load_costs_little_more() {
    for (loading, most, too_many) in [
        ("hit-load", "1050", "1051"),
        ("hit-load-again", "525", "526"),
        ("hit-load-stale", "1113", "1114"),
        ("hit-load-stale-again", "588", "589"),
        ("hit-load-ahead", "1113", "1114"),
        ("hit-load-ahead-again", "588", "589"),
    ] {
        let (passes, told) = gate(&[(loading, Some(most))]);
        assert!(passes, "{loading} {most}: {told}");
        assert!(!gate(&[(loading, Some(too_many))]).0, "{loading} {too_many}");
    }
}
