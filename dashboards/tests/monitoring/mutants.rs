//! Changes each number and each operator of each rule in turn: a case of that rule must notice. What no case notices is
//! not tested, however many cases there are.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::thread;

use crate::support::{files, root, text};

/// A change in one line of a rule file.
#[derive(Clone, Debug)]
struct Mutant {
    file: String,
    /// Counted from 0.
    line: usize,
    /// The line as it becomes.
    text: String,
    /// The file of the cases that must notice.
    cases: String,
}

/// What takes the place of an operator.
const OPERATORS: [(&str, &str); 14] = [
    (" > ", " < "),
    (" >= ", " < "),
    (" < ", " > "),
    (" == ", " != "),
    (" + ", " - "),
    (" / ", " * "),
    (" * ", " / "),
    ("and ", "or "),
    ("or ", "and "),
    ("unless ", "and "),
    ("=~\"", "!~\""),
    ("!~\"", "=~\""),
    ("!=\"", "=\""),
    ("=\"", "!=\""),
];

/// Every text that a line becomes by one change.
fn changes(line: &str) -> Vec<String> {
    let mut changed = Vec::new();
    for (from, to) in OPERATORS {
        for (start, _) in line.match_indices(from) {
            let before = line[..start].chars().next_back().unwrap_or(' ');
            let is_word = from.starts_with(char::is_alphabetic);
            // `=~"` is in none of the others, but `="` is in `!="`, and "or " ends "for ".
            if (from == "=\"" && before == '!') || (is_word && before != ' ' && before != '(') {
                continue;
            }
            changed.push(format!("{}{to}{}", &line[..start], &line[start + from.len()..]));
        }
    }
    changed.extend(numbers(line).into_iter().flat_map(|(start, end)| {
        let number: f64 = line[start..end].parse().unwrap();
        // Zero has no factor. `>= 0` holds for everything but NaN, and so would `>= -1`.
        let others = if number == 0.0 && line[..start].ends_with(">= ") {
            vec![1_000.0]
        } else if number == 0.0 {
            vec![1_000.0, -1.0]
        } else {
            vec![number * 0.8, number * 1.25]
        };
        others
            .into_iter()
            .map(move |other| format!("{}{other}{}", &line[..start], &line[end..]))
    }));
    changed
}

/// Where the numbers are that stand alone: not those of names, windows and label values, and not the one of `vector(1)`,
/// which could be any.
fn numbers(line: &str) -> Vec<(usize, usize)> {
    let (mut found, mut start, mut in_quotes) = (Vec::new(), None, false);
    let mut before = ' ';
    for (at, letter) in line.char_indices().chain([(line.len(), ' ')]) {
        let is_part = letter.is_ascii_digit() || letter == '.';
        match start {
            None if is_part && !in_quotes && (before == ' ' || line[..at].ends_with("quantile(")) => {
                start = Some(at);
            }
            Some(begin) if !is_part => {
                if matches!(letter, ' ' | ')' | ',') {
                    found.push((begin, at));
                }
                start = None;
            }
            _ => {}
        }
        in_quotes ^= letter == '"';
        before = letter;
    }
    found
}

/// Every mutant of a rule file. Which cases must notice depends on the rule that the line belongs to.
fn mutants(file: &str) -> Vec<Mutant> {
    let (mut mutants, mut rule, mut in_query) = (Vec::new(), String::new(), false);
    for (number, line) in text(file).lines().enumerate() {
        let trimmed = line.trim_start();
        if let Some(name) = trimmed.strip_prefix("- alert: ") {
            name.clone_into(&mut rule);
        } else if let Some(name) = trimmed.strip_prefix("- record: ") {
            name.clone_into(&mut rule);
        }
        let cases = if rule.contains(':') { "recording" } else { &rule };
        let starts_query = trimmed.starts_with("expr: ");
        let is_field =
            trimmed.starts_with("- ") || trimmed.split(' ').next().is_some_and(|word| word.ends_with(':'));
        in_query = starts_query || (in_query && !is_field && !trimmed.starts_with('#'));
        let mut push = |text: String| {
            mutants.push(Mutant {
                file: file.to_owned(),
                line: number,
                text,
                cases: format!("tests/{cases}.yml"),
            });
        };
        // A test of the rules says that the other windows have the same query.
        if rule.contains(':') && !rule.ends_with("rate5m") {
            continue;
        }
        if in_query {
            let start = if starts_query {
                line.find("expr: ").unwrap() + "expr: ".len()
            } else {
                0
            };
            for changed in changes(&line[start..]) {
                push(format!("{}{changed}", &line[..start]));
            }
        } else if trimmed.starts_with("for: ") {
            let (indent, minutes) = line.split_once("for: ").unwrap();
            let minutes: u32 = minutes.strip_suffix('m').unwrap().parse().unwrap();
            for seconds in [minutes * 30, minutes * 120] {
                push(format!("{indent}for: {seconds}s"));
            }
        }
    }
    mutants
}

/// Says whether the cases notice a change. The folder is one that nobody else uses now.
fn is_noticed(mutant: &Mutant, folder: &Path) -> bool {
    let original = text(&mutant.file);
    let name = Path::new(&mutant.file).file_name().unwrap();
    let lines = original.lines().enumerate().map(|(number, line)| {
        if number == mutant.line {
            mutant.text.as_str()
        } else {
            line
        }
    });
    fs::write(
        folder.join("rules").join(name),
        lines.collect::<Vec<_>>().join("\n"),
    )
    .unwrap();
    let passed = Command::new("promtool")
        .args(["test", "rules", &mutant.cases])
        .current_dir(folder)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .unwrap_or_else(|error| {
            panic!("promtool does not start ({error}); run scripts/test.sh, which installs it")
        })
        .success();
    fs::write(folder.join("rules").join(name), original).unwrap();
    !passed
}

/// A copy of the rules and their cases.
fn copy() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for part in ["rules", "tests"] {
        fs::create_dir(folder.path().join(part)).unwrap();
        for file in files(&format!("deploy/prometheus/{part}"), ".yml") {
            let name = file.file_name().unwrap();
            fs::copy(root().join(&file), folder.path().join(part).join(name)).unwrap();
        }
    }
    folder
}

#[test]
#[ignore = "it runs promtool for each of some 150 changes; scripts/check-monitoring.sh does"]
fn every_changed_number_and_operator_is_noticed() {
    let all: Vec<Mutant> = files("deploy/prometheus/rules", ".yml")
        .iter()
        .flat_map(|file| mutants(file.to_str().unwrap()))
        .collect();
    assert!(all.len() > 100, "only {} changes were found", all.len());
    let queue = Mutex::new(all.into_iter());
    let unnoticed = Mutex::new(Vec::new());
    let workers = thread::available_parallelism().map_or(2, usize::from);
    thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                let folder = copy();
                loop {
                    let next = queue.lock().unwrap().next();
                    let Some(mutant) = next else { return };
                    if !is_noticed(&mutant, folder.path()) {
                        let Mutant { file, line, text, .. } = mutant;
                        let place = format!("{file}:{}: {}", line + 1, text.trim());
                        unnoticed.lock().unwrap().push(place);
                    }
                }
            });
        }
    });
    let unnoticed = unnoticed.into_inner().unwrap();
    assert!(unnoticed.is_empty(), "no case notices:\n{}", unnoticed.join("\n"));
}

#[test]
fn a_line_that_stays_as_it_is_is_not_noticed() {
    let (file, line) = ("deploy/prometheus/rules/cache-alerts.yml".to_owned(), 0);
    let same = Mutant {
        text: text(&file).lines().next().unwrap().to_owned(),
        file,
        line,
        cases: "tests/CacheBackendDown.yml".to_owned(),
    };
    assert!(!is_noticed(&same, copy().path()));
}

#[test]
fn the_changes_of_a_line_are_the_expected_ones() {
    let line = r#"rate(x_5{a!="b", c=~"1 > 2"}[5m]) > 0.5 and y"#;
    let expected = [
        r#"rate(x_5{a!="b", c=~"1 < 2"}[5m]) > 0.5 and y"#,
        r#"rate(x_5{a!="b", c=~"1 > 2"}[5m]) < 0.5 and y"#,
        r#"rate(x_5{a!="b", c=~"1 > 2"}[5m]) > 0.5 or y"#,
        r#"rate(x_5{a!="b", c!~"1 > 2"}[5m]) > 0.5 and y"#,
        r#"rate(x_5{a="b", c=~"1 > 2"}[5m]) > 0.5 and y"#,
        r#"rate(x_5{a!="b", c=~"1 > 2"}[5m]) > 0.4 and y"#,
        r#"rate(x_5{a!="b", c=~"1 > 2"}[5m]) > 0.625 and y"#,
    ];
    assert_eq!(changes(line), expected);
}
