//! The rules of the house, as far as a test can see them.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const LONGEST_FILE: usize = 300;
const LONGEST_README: usize = 150;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .canonicalize()
        .unwrap()
}

/// The Rust files below a folder of the workspace.
fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() && path.file_name().is_none_or(|name| name != "target") {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    assert!(!files.is_empty());
    files
}

fn all_files() -> Vec<PathBuf> {
    ["crates", "dashboards", "examples", "benches", "fuzz"]
        .iter()
        .flat_map(|folder| rust_files(&root().join(folder)))
        .collect()
}

fn sources() -> Vec<PathBuf> {
    let is_source = |path: &PathBuf| path.components().any(|part| part.as_os_str() == "src");
    all_files().into_iter().filter(is_source).collect()
}

#[test]
fn every_file_says_at_its_top_why_it_exists() {
    for file in all_files() {
        let text = fs::read_to_string(&file).unwrap();
        assert!(
            text.starts_with("//! "),
            "{} does not open with //!",
            file.display()
        );
    }
}

#[test]
fn no_file_is_long() {
    for file in sources() {
        let text = fs::read_to_string(&file).unwrap();
        let code = text
            .lines()
            .take_while(|line| !line.starts_with("#[cfg(test)]") && !line.starts_with("#[cfg(all(test"));
        let lines = code.count();
        assert!(
            lines <= LONGEST_FILE,
            "{} has {lines} lines without its tests",
            file.display()
        );
    }
}

#[test]
fn no_lib_holds_logic() {
    for file in sources().iter().filter(|file| file.ends_with("src/lib.rs")) {
        let text = fs::read_to_string(file).unwrap();
        let logic = text
            .lines()
            .find(|line| line.starts_with("fn ") || line.starts_with("pub fn ") || line.starts_with("impl"));
        assert_eq!(logic, None, "{}", file.display());
    }
}

#[test]
fn the_readme_is_short() {
    let lines = fs::read_to_string(root().join("README.md"))
        .unwrap()
        .lines()
        .count();
    assert!(lines < LONGEST_README, "{lines} lines");
}

/// A layer that forgot a method of the contract would hide what the backend below it does better.
#[test]
fn every_layer_denies_missing_methods() {
    for file in sources() {
        let text = fs::read_to_string(&file).unwrap();
        let implements = text.contains("CacheBackend for ");
        let wraps = text.contains("inner: Arc<dyn CacheBackend>") || text.contains("inner: B,");
        if implements && wraps {
            assert!(
                text.contains("deny(clippy::missing_trait_methods)"),
                "{}",
                file.display()
            );
        }
    }
}

/// What takes any arguments hands them on as they were given: `{{ args }}` would take them apart at blanks.
#[test]
fn recipes_hand_their_arguments_on_whole() {
    let justfile = fs::read_to_string(root().join("justfile")).unwrap();
    assert!(justfile.lines().any(|line| line == "set positional-arguments"));
    let mut recipes = Vec::new();
    for recipe in justfile.split("\n\n") {
        let mut lines = recipe.lines().skip_while(|line| line.starts_with(['#', '[']));
        let Some((head, body)) = lines.next().zip(lines.next()) else {
            continue;
        };
        if head.contains(" *args:") {
            assert!(body.trim_end().ends_with("\"$@\""), "{recipe}");
            recipes.push(head.split(' ').next().unwrap());
        }
    }
    assert_eq!(recipes, ["run-example", "monitoring-local", "test"]);
}

/// Runs the line of a recipe as `just` does, with a cargo that says what it was asked for, one word a line.
#[cfg(unix)]
fn asked_of_cargo(recipe: &str, arguments: &[&str]) -> Vec<String> {
    let justfile = fs::read_to_string(root().join("justfile")).unwrap();
    let mut lines = justfile.lines();
    lines
        .find(|line| line.starts_with(&format!("{recipe} ")))
        .unwrap();
    let line = lines.next().unwrap().trim_start().trim_start_matches('@');
    let script = format!("cargo() {{ printf '%s\\n' \"$@\"; }}; {line}");
    let ended = Command::new("sh")
        .args(["-cu", &script, recipe])
        .args(arguments)
        .output()
        .unwrap();
    assert!(ended.status.success(), "{ended:?}");
    let said = String::from_utf8(ended.stdout).unwrap();
    said.lines().map(str::to_owned).collect()
}

#[cfg(unix)]
#[test]
fn the_example_gets_its_arguments_with_and_without_two_dashes_before_them() {
    let asked = |arguments: &[&str]| asked_of_cargo("run-example", arguments);
    let given = ["run", "-p", "using-cache", "--", "--backend", "redis"];
    assert_eq!(asked(&["--", "--backend", "redis"]), given);
    assert_eq!(asked(&["--backend", "redis"]), given);
    assert_eq!(asked(&["--", "--log", "a b"])[4..], ["--log", "a b"]);
    assert_eq!(asked(&[]), given[..4]);
}

/// What a line says that is no comment.
fn code(line: &str) -> &str {
    line.split("//").next().unwrap_or_default()
}

/// They reach beyond the namespace. The servers that tests start are the tests' own.
#[test]
fn no_command_that_touches_all_keys_of_a_server_is_in_a_source() {
    let mut looked_at = false;
    for file in sources() {
        if file.starts_with(root().join("crates/cache-testkit")) {
            continue;
        }
        let text = fs::read_to_string(&file).unwrap();
        for line in text.lines().map(code) {
            let words = line.to_uppercase();
            let is_redis = file.starts_with(root().join("crates/cache-redis"));
            let lists_all = is_redis
                && ["\"KEYS\"", "\"KEYS ", "ASYNCCOMMANDS"]
                    .iter()
                    .any(|word| words.contains(word));
            let removes_all = words.contains("FLUSHDB") || words.contains("FLUSHALL");
            assert!(!lists_all && !removes_all, "{}: {line}", file.display());
            looked_at |= is_redis && line.contains("\"UNLINK\"");
        }
    }
    assert!(looked_at, "the commands were not looked at");
}

#[test]
fn every_crate_is_in_the_map() {
    let map = fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    for entry in fs::read_dir(root().join("crates")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(
            map.contains(&format!("crates/{name}")),
            "{name} is not in ARCHITECTURE.md"
        );
    }
}
