//! The rules are sound, each alert is explained, and each has been seen to fire and to stay quiet.

use std::collections::BTreeSet;

use crate::support::{alerts, files, promtool, rules, text, yaml};

/// The paths of files as arguments of promtool, which runs in `deploy/prometheus`.
fn arguments<'a>(command: &[&'a str], paths: &'a [String]) -> Vec<&'a str> {
    command
        .iter()
        .copied()
        .chain(paths.iter().map(String::as_str))
        .collect()
}

fn in_prometheus(folder: &str) -> Vec<String> {
    let paths = files(&format!("deploy/prometheus/{folder}"), ".yml");
    paths
        .iter()
        .map(|path| {
            path.strip_prefix("deploy/prometheus")
                .unwrap()
                .display()
                .to_string()
        })
        .collect()
}

#[test]
fn promtool_has_nothing_to_say_about_the_rules() {
    let check = ["check", "rules", "--lint=all", "--lint-fatal"];
    let (well, said) = promtool(&arguments(&check, &in_prometheus("rules")));
    assert!(well, "{said}");
}

#[test]
fn all_cases_of_rules_pass() {
    let (well, said) = promtool(&arguments(&["test", "rules"], &in_prometheus("tests")));
    assert!(well, "{said}");
}

#[test]
fn each_alert_has_a_case_that_fires_and_one_that_stays_quiet() {
    for alert in alerts() {
        let name = alert["alert"].as_str().unwrap();
        let cases = yaml(format!("deploy/prometheus/tests/{name}.yml"));
        let (mut fires, mut stays_quiet) = (false, false);
        for case in cases["tests"].as_array().unwrap() {
            let checks = case["alert_rule_test"].as_array().unwrap();
            assert!(checks.iter().all(|check| check["alertname"] == name), "{name}");
            let is_quiet = |check: &serde_json::Value| check["exp_alerts"].as_array().unwrap().is_empty();
            fires |= checks.iter().any(|check| !is_quiet(check));
            stays_quiet |= checks.iter().all(is_quiet);
        }
        // The watchdog is there to fire always.
        let is_watchdog = alert["labels"]["severity"] == "none";
        assert!(
            fires && stays_quiet != is_watchdog,
            "{name}: fires {fires}, stays quiet {stays_quiet}"
        );
    }
}

#[test]
fn each_alert_says_what_is_wrong_and_where_its_runbook_is() {
    let runbooks = text("docs/runbooks.md");
    for alert in alerts() {
        let name = alert["alert"].as_str().unwrap();
        let severity = alert["labels"]["severity"].as_str().unwrap();
        assert!(
            ["critical", "warning", "none"].contains(&severity),
            "{name}: {severity}"
        );
        for annotation in ["summary", "description"] {
            assert!(
                alert["annotations"][annotation].is_string(),
                "{name} has no {annotation}"
            );
        }
        let anchor = format!("docs/runbooks.md#{}", name.to_lowercase());
        assert_eq!(
            alert["annotations"]["runbook"].as_str(),
            Some(anchor.as_str()),
            "{name}"
        );
        assert!(
            runbooks.contains(&format!("\n## {name}\n")),
            "docs/runbooks.md has no {name}"
        );
    }
}

#[test]
fn each_runbook_is_that_of_an_alert() {
    let alerts = alerts();
    let names: BTreeSet<&str> = alerts
        .iter()
        .map(|alert| alert["alert"].as_str().unwrap())
        .collect();
    let runbooks = text("docs/runbooks.md");
    for heading in runbooks.lines().filter_map(|line| line.strip_prefix("## ")) {
        assert!(names.contains(heading), "there is no alert {heading}");
    }
}

/// A window that was forgotten when one was copied would make an alert quietly wrong.
#[test]
fn the_windows_of_the_error_ratios_differ_in_nothing_else() {
    let rules = rules();
    let of_window = |window: &str| -> Vec<(String, String)> {
        let ends = [
            format!("operations:rate{window}"),
            format!("errors:rate{window}"),
            format!("errors_per_operation:ratio_rate{window}"),
        ];
        let without = |text: &str| {
            let text = text.replace(&format!("[{window}]"), "[window]");
            text.replace(&format!("rate{window}"), "rate window")
        };
        let found = rules.iter().filter_map(|rule| {
            let (name, query) = (rule["record"].as_str()?, rule["expr"].as_str()?);
            let own = !name.starts_with("cache_name:gofr_cache_operations");
            (own && ends.iter().any(|end| name.ends_with(end))).then(|| (without(name), without(query)))
        });
        found.collect()
    };
    let expected = of_window("5m");
    assert_eq!(expected.len(), 3);
    assert!(
        !expected
            .iter()
            .any(|(name, query)| format!("{name}{query}").contains("5m"))
    );
    for window in ["30m", "1h", "6h", "3d"] {
        assert_eq!(of_window(window), expected, "{window}");
    }
}
