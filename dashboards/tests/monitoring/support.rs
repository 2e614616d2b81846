//! Reads the files of the repository as those read them who use them.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("..")
        .canonicalize()
        .unwrap()
}

pub(crate) fn text(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

pub(crate) fn yaml(path: impl AsRef<Path>) -> Value {
    let path = path.as_ref();
    serde_saphyr::from_str(&text(path)).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The files in a folder whose names have an ending, by name.
pub(crate) fn files(folder: &str, ending: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(root().join(folder)).unwrap();
    let mut files: Vec<PathBuf> = entries
        .map(|entry| Path::new(folder).join(entry.unwrap().file_name()))
        .filter(|path| path.to_str().unwrap().ends_with(ending))
        .collect();
    files.sort();
    assert!(!files.is_empty(), "{folder} has no {ending}");
    files
}

pub(crate) fn dashboards() -> Vec<(PathBuf, Value)> {
    let read = |path: PathBuf| {
        let dashboard = serde_json::from_str(&text(&path)).unwrap();
        (path, dashboard)
    };
    files("dashboards", ".json").into_iter().map(read).collect()
}

/// The panels of a dashboard that are not headings.
pub(crate) fn panels(dashboard: &Value) -> Vec<&Value> {
    let panels = dashboard["panels"].as_array().unwrap();
    panels.iter().filter(|panel| panel["type"] != "row").collect()
}

/// The queries of a panel.
pub(crate) fn queries(panel: &Value) -> Vec<&str> {
    let targets = panel["targets"].as_array().unwrap();
    targets
        .iter()
        .map(|target| target["expr"].as_str().unwrap())
        .collect()
}

/// The rules of all files.
pub(crate) fn rules() -> Vec<Value> {
    let of_file = |path: PathBuf| yaml(path)["groups"].as_array().unwrap().clone();
    let groups = files("deploy/prometheus/rules", ".yml")
        .into_iter()
        .flat_map(of_file);
    groups
        .flat_map(|group| group["rules"].as_array().unwrap().clone())
        .collect()
}

/// The alerts of all files.
pub(crate) fn alerts() -> Vec<Value> {
    rules()
        .into_iter()
        .filter(|rule| rule["alert"].is_string())
        .collect()
}

/// Runs promtool and returns whether it succeeded, and what it said.
pub(crate) fn promtool(arguments: &[&str]) -> (bool, String) {
    let output = Command::new("promtool")
        .args(arguments)
        .current_dir(root().join("deploy/prometheus"))
        .output();
    let output = output.unwrap_or_else(|error| {
        panic!("promtool does not start ({error}); run scripts/test.sh, which installs it")
    });
    let said =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    (output.status.success(), said)
}

/// The words of a query that are names: of metrics, labels and functions.
pub(crate) fn words(query: &str) -> BTreeSet<&str> {
    query
        .split(|letter: char| !(letter.is_ascii_alphanumeric() || letter == '_' || letter == ':'))
        .filter(|word| !word.is_empty())
        .collect()
}
