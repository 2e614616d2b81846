//! Settings that are wrong: one line that says what to do, an exit code, and nothing else.

use std::collections::BTreeSet;
use std::fs;
use std::net::TcpListener;

use crate::support::{Ended, command, run};

fn assert_one_line(ended: &Ended, code: i32, told: &str) {
    let Ended { status, stderr, .. } = ended;
    assert_eq!(status.code(), Some(code), "{stderr}");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    assert!(
        stderr.starts_with("using-cache: ") && stderr.contains(told),
        "{told:?} is not in {stderr:?}"
    );
}

#[test]
fn each_bad_setting_is_told_what_to_do_on_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, content: &str| {
        let path = folder.path().join(name);
        fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let (text, unnamed, empty) = (
        file("text.txt", "one\n"),
        file("unnamed", "1\n"),
        file("empty.txt", ""),
    );
    let cases: &[(&[&str], &str)] = &[
        (&["--nothing"], "--nothing"),
        (&["--rat", "5"], "'--rate'"),
        (&["stray"], "stray"),
        (&["--rate"], "value is required"),
        (&["--rate", "fast"], "whole number"),
        (&["--rate", "-1"], "whole number"),
        (&["--rate", "100001"], "100000"),
        (&["--rate", "1\n2"], "whole number"),
        (&["--listen", "8080"], "127.0.0.1:8080"),
        (&["--listen", "127.0.0.1:70000"], "127.0.0.1:8080"),
        (&["--ttl", "30"], "unit"),
        (&["--ttl", "soon"], "or never"),
        (&["--source-delay", "slow"], "unit"),
        (&["--policy", "lur"], "`lru`"),
        (&["--backend", "reddis"], "did you mean `redis`?"),
        (&["--redis-url", "localhost"], "redis://"),
        (
            &["--backend", "redis", "--max-items", "5"],
            "means nothing for the backend `redis`",
        ),
        (
            &["--config", "/nowhere/at all.toml"],
            "check the path that --config gives",
        ),
        (&["--max-items", "-1"], "whole number"),
        (&["--max-items", "4294967296"], "0 for no limit"),
        (&["--seed", "x"], "whole number"),
        (&["--log", "loud"], "debug"),
        (&["--log-format", "xml"], "console, json"),
        (&["--trace", "/nowhere/at all.txt"], "check that the file exists"),
        (&["--trace", &text], "line 1"),
        (&["--trace", &unnamed], "state the format"),
        (&["--trace", &empty], "no accesses"),
        (&["--trace", &text, "--trace-format", "csv"], "i32, i64 or lines"),
        (&["--trace", &text, "--rate", "0"], "--rate"),
        (&["--trace-format", "lines"], "--trace <FILE>"),
    ];
    for (flags, told) in cases {
        // Some are told when the address is taken, which another test must not have.
        let mut bad = command(flags);
        bad.env("CACHE_EXAMPLE_LISTEN", "127.0.0.1:0");
        assert_one_line(&run(bad), 2, told);
    }
}

#[test]
fn a_flag_that_is_wrong_is_told_once_however_many_caches_it_is_for() {
    for (flags, flag) in [
        (&["--backend", "reddis"][..], "--backend"),
        (&["--redis-url", "localhost"], "--redis-url"),
    ] {
        let ended = run(command(flags));
        assert_one_line(
            &ended,
            2,
            &format!("({flag}, or the variable that stands for it)"),
        );
        assert_eq!(ended.stderr.matches(flag).count(), 1, "{}", ended.stderr);
        assert!(
            ended.stderr.starts_with("using-cache: caches.products."),
            "{}",
            ended.stderr
        );
    }
}

#[test]
fn a_bad_variable_is_named() {
    let mut bad = command(&[]);
    bad.env("CACHE_EXAMPLE_TTL", "soon");
    assert_one_line(&run(bad), 2, "CACHE_EXAMPLE_TTL");
}

#[test]
fn a_flag_wins_over_its_variable() {
    let mut bad = command(&["--ttl", "30"]);
    bad.env("CACHE_EXAMPLE_TTL", "1s");
    let ended = run(bad);
    assert_one_line(&ended, 2, "unit");
    assert!(!ended.stderr.contains("CACHE_EXAMPLE_TTL"), "{}", ended.stderr);
}

#[test]
fn a_port_in_use_is_one_line_that_names_the_flag() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let ended = run(command(&["--listen", &address]));
    assert_one_line(
        &ended,
        1,
        &format!("cannot listen on {address}; choose another address or port with --listen"),
    );
    assert_eq!(ended.stdout, [""; 0]);
}

/// Returns the long flags that a text names.
fn flags(text: &str) -> BTreeSet<&str> {
    let words = text.split(|character: char| !(character.is_ascii_alphanumeric() || character == '-'));
    words
        .filter(|word| word.starts_with("--") && word.len() > 2)
        .collect()
}

#[test]
fn help_and_the_readme_list_every_flag_with_its_variable_and_default() {
    let help = run(command(&["--help"]));
    assert_eq!((help.status.code(), help.stderr.as_str()), (Some(0), ""));
    let readme = include_str!("../../README.md");
    let own = |text| {
        flags(text)
            .difference(&["--help", "--version"].into())
            .copied()
            .collect::<BTreeSet<&str>>()
    };
    let text = help.stdout.join("\n");
    assert_eq!(own(&text).len(), 16, "{text}");
    for line in help.stdout.iter().filter(|line| line.contains("[env: ")) {
        let part = |name: &str| line.split(name).nth(1)?.split([']', '=']).next();
        let flag = line.split_whitespace().next().unwrap();
        let row = readme
            .lines()
            .find(|row| row.starts_with(&format!("| `{flag}")))
            .unwrap_or_else(|| panic!("{flag}"));
        assert!(row.contains(part("[env: ").unwrap()), "{line}\n{row}");
        assert!(
            row.contains(part("[default: ").unwrap_or_default()),
            "{line}\n{row}"
        );
    }
}

#[test]
fn the_version_is_that_of_the_package() {
    let version = run(command(&["--version"]));
    assert_eq!(
        version.stdout,
        [concat!("using-cache ", env!("CARGO_PKG_VERSION"))]
    );
}
