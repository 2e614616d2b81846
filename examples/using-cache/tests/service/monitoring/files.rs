//! The shipped files: the dashboards as Grafana reads them, and Prometheus' as they are, but in a hurry.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

/// How often Prometheus scrapes and evaluates rules in these tests.
const INTERVAL: &str = "1s";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A panel's query, and what must be true of its answer.
#[derive(Clone, Debug)]
pub(super) struct Query {
    pub(super) panel: String,
    pub(super) text: String,
    pub(super) legend: String,
    pub(super) is_ratio: bool,
}

fn dashboards() -> Vec<Value> {
    let folder = fs::read_dir(root().join("dashboards")).unwrap();
    let paths = folder.map(|entry| entry.unwrap().path());
    let shipped = paths.filter(|path| path.extension().is_some_and(|ending| ending == "json"));
    let dashboards: Vec<Value> = shipped
        .map(|path| serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap())
        .collect();
    assert_eq!(dashboards.len(), 3);
    dashboards
}

/// Every query of every panel, with everything chosen.
pub(super) fn queries() -> Vec<Query> {
    let mut queries = Vec::new();
    for dashboard in dashboards() {
        for panel in dashboard["panels"].as_array().unwrap() {
            for target in panel["targets"].as_array().into_iter().flatten() {
                queries.push(Query {
                    panel: format!("{}: {}", dashboard["title"], panel["title"]),
                    text: choose_all(target["expr"].as_str().unwrap()),
                    legend: target["legendFormat"].as_str().unwrap().to_owned(),
                    is_ratio: panel["fieldConfig"]["defaults"]["unit"] == "percentunit",
                });
            }
        }
    }
    assert!(queries.len() > 80, "only {} queries", queries.len());
    queries
}

/// The queries by which Grafana finds the values of variables: their selectors and labels.
pub(super) fn variables() -> Vec<(String, String)> {
    let mut variables = Vec::new();
    for dashboard in dashboards() {
        for variable in dashboard["templating"]["list"].as_array().unwrap() {
            let Some(query) = variable["query"]["query"].as_str() else {
                continue;
            };
            let inner = query
                .strip_prefix("label_values(")
                .unwrap()
                .strip_suffix(')')
                .unwrap();
            let (selector, label) = inner.rsplit_once(", ").unwrap();
            variables.push((choose_all(selector), label.to_owned()));
        }
    }
    variables
}

/// The queries of the marks on the time axis. They may find nothing.
pub(super) fn annotations() -> Vec<String> {
    let of_dashboard = |dashboard: &Value| {
        let annotations = dashboard["annotations"]["list"].as_array().unwrap().clone();
        annotations
            .into_iter()
            .map(|annotation| choose_all(annotation["expr"].as_str().unwrap()))
    };
    dashboards().iter().flat_map(of_dashboard).collect()
}

/// Puts in what Grafana would: everything for a variable, and an interval that has several scrapes.
fn choose_all(query: &str) -> String {
    let mut query = query.replace("$__rate_interval", "15s");
    for variable in ["$job", "$instance", "$cache_name", "$redis"] {
        query = query.replace(&format!("\"{variable}\""), "\".+\"");
    }
    assert!(!query.contains('$'), "{query}");
    query
}

/// Replaces what must be there: a test that changed nothing would test something else.
fn replace(text: &str, from: &str, to: &str) -> String {
    assert!(text.contains(from), "{from:?} is not in {text}");
    text.replace(from, to)
}

/// Copies the configuration and the rules to a folder. Scrapes come each second, and alerts wait for as many times four
/// seconds as they would for minutes.
pub(super) fn configure(folder: &Path, caches: &[String], redis: &[String]) {
    let shipped = root().join("deploy/prometheus");
    let mut config = fs::read_to_string(shipped.join("prometheus.yml")).unwrap();
    for (setting, value) in [
        ("scrape_interval: 5s", INTERVAL),
        ("evaluation_interval: 5s", INTERVAL),
        ("scrape_timeout: 4s", INTERVAL),
    ] {
        let name = setting.split(' ').next().unwrap();
        config = replace(&config, setting, &format!("{name} {value}"));
    }
    fs::write(folder.join("prometheus.yml"), config).unwrap();

    fs::create_dir(folder.join("rules")).unwrap();
    for entry in fs::read_dir(shipped.join("rules")).unwrap() {
        let entry = entry.unwrap();
        let rules = fs::read_to_string(entry.path()).unwrap();
        let hurried = rules.lines().map(|line| match line.split_once("for: ") {
            Some((indent, minutes)) if indent.trim().is_empty() => {
                let minutes: u32 = minutes.strip_suffix('m').unwrap().parse().unwrap();
                format!("{indent}for: {}s\n", minutes * 4)
            }
            _ => format!("{line}\n"),
        });
        fs::write(
            folder.join("rules").join(entry.file_name()),
            hurried.collect::<String>(),
        )
        .unwrap();
    }

    let targets = |list: &[String]| serde_json::json!([{ "targets": list }]).to_string();
    fs::create_dir(folder.join("targets")).unwrap();
    fs::write(folder.join("targets/gofr-cache.json"), targets(caches)).unwrap();
    fs::write(folder.join("targets/redis.json"), targets(redis)).unwrap();
    fs::create_dir(folder.join("alerting")).unwrap();
    fs::write(folder.join("alerting/alertmanager.json"), "[]").unwrap();
}
