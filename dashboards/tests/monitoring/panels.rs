//! The dashboards are complete and readable: what Grafana needs is there, and what people need.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::support::{alerts, dashboards, panels, queries};

/// Runs a check on every panel; the name says which one it is.
fn each_panel(check: impl Fn(&str, &Value)) {
    for (path, dashboard) in dashboards() {
        for panel in panels(&dashboard) {
            check(&format!("{}: {}", path.display(), panel["title"]), panel);
        }
    }
}

fn is_text(value: &Value) -> bool {
    value.as_str().is_some_and(|text| !text.is_empty())
}

#[test]
fn the_files_are_bare_dashboards() {
    for (path, dashboard) in dashboards() {
        assert_eq!(
            path.file_stem().unwrap().to_str(),
            dashboard["uid"].as_str(),
            "{}",
            path.display()
        );
        assert!(is_text(&dashboard["title"]) && is_text(&dashboard["description"]));
        assert!(dashboard["id"].is_null(), "an id belongs to one Grafana only");
        assert!(
            dashboard.get("dashboard").is_none(),
            "that is the envelope of the HTTP interface"
        );
    }
}

#[test]
fn every_panel_has_a_title_a_description_a_unit_and_a_link() {
    each_panel(|name, panel| {
        assert!(is_text(&panel["title"]), "{name}: title");
        assert!(is_text(&panel["description"]), "{name}: description");
        assert!(is_text(&panel["fieldConfig"]["defaults"]["unit"]), "{name}: unit");
        assert!(is_text(&panel["links"][0]["url"]), "{name}: link");
        assert!(!queries(panel).is_empty(), "{name}: queries");
    });
}

#[test]
fn links_lead_to_dashboards_that_exist() {
    let uids: BTreeSet<String> = dashboards()
        .iter()
        .map(|(_, dashboard)| dashboard["uid"].as_str().unwrap().to_owned())
        .collect();
    each_panel(|name, panel| {
        let url = panel["links"][0]["url"].as_str().unwrap();
        let uid = url.strip_prefix("/d/").unwrap().split('?').next().unwrap();
        assert!(uids.contains(uid), "{name}: {url}");
    });
}

#[test]
fn panels_fill_the_width_and_do_not_overlap() {
    for (path, dashboard) in dashboards() {
        let mut taken = BTreeSet::new();
        let (mut ids, mut bottom) = (BTreeSet::new(), 0);
        for panel in dashboard["panels"].as_array().unwrap() {
            let place = |side: &str| panel["gridPos"][side].as_u64().unwrap();
            let name = format!("{}: {}", path.display(), panel["title"]);
            assert!(
                ids.insert(panel["id"].as_u64().unwrap()),
                "{name}: its id is taken"
            );
            assert!(place("x") + place("w") <= 24, "{name}: too far right");
            for x in place("x")..place("x") + place("w") {
                for y in place("y")..place("y") + place("h") {
                    assert!(taken.insert((x, y)), "{name}: overlaps at {x},{y}");
                }
            }
            bottom = bottom.max(place("y") + place("h"));
        }
        // A row of panels may end early; a line without any would be a hole.
        for y in 0..bottom {
            assert!(
                taken.contains(&(0, y)),
                "{}: nothing begins at line {y}",
                path.display()
            );
        }
    }
}

#[test]
fn counters_are_shown_as_rates_over_the_interval_that_grafana_chooses() {
    each_panel(|name, panel| {
        for query in queries(panel) {
            for (position, _) in query.match_indices("_total{") {
                let before = query[..position].rsplit('(').nth(1).unwrap_or_default();
                let counted = query[..position].rsplit(['(', ' ']).next().unwrap();
                let function = query[..position - counted.len()].trim_end_matches('(');
                assert!(
                    function.ends_with("rate") || function.ends_with("increase"),
                    "{name}: {query}: {before}"
                );
            }
            for (position, _) in query.match_indices('[') {
                assert!(
                    query[position..].starts_with("[$__rate_interval]"),
                    "{name}: {query}"
                );
            }
        }
    });
}

#[test]
fn every_query_asks_the_chosen_data_source() {
    each_panel(|name, panel| {
        for target in panel["targets"].as_array().unwrap() {
            assert_eq!(target["datasource"]["uid"], "${datasource}", "{name}");
        }
    });
}

#[test]
fn variables_narrow_each_other_and_all_stays_inside_them() {
    for (path, dashboard) in dashboards() {
        let variables = dashboard["templating"]["list"].as_array().unwrap();
        assert_eq!(variables[0]["type"], "datasource");
        for name in ["job", "instance", "cache_name"] {
            let variable = variables.iter().find(|variable| variable["name"] == name);
            let variable = variable.unwrap_or_else(|| panic!("{} has no {name}", path.display()));
            assert!(
                variable.get("allValue").is_none(),
                "{}: all would leave the job",
                path.display()
            );
        }
    }
}

#[test]
fn variables_in_queries_are_declared() {
    for (path, dashboard) in dashboards() {
        let variables = dashboard["templating"]["list"].as_array().unwrap();
        let declared: BTreeSet<&str> = variables
            .iter()
            .map(|variable| variable["name"].as_str().unwrap())
            .collect();
        let mut used = BTreeSet::from(["datasource"]);
        for panel in panels(&dashboard) {
            for query in queries(panel) {
                for after in query.split("\"$").skip(1) {
                    used.insert(after.split('"').next().unwrap());
                }
            }
        }
        let unused: Vec<_> = declared.difference(&used).collect();
        assert!(
            used.is_subset(&declared),
            "{}: {used:?} of {declared:?}",
            path.display()
        );
        assert!(unused.is_empty(), "{}: {unused:?} change nothing", path.display());
    }
}

#[test]
fn alerts_that_descriptions_name_exist() {
    let names: BTreeSet<String> = alerts()
        .iter()
        .map(|alert| alert["alert"].as_str().unwrap().to_owned())
        .collect();
    each_panel(|name, panel| {
        let description = panel["description"].as_str().unwrap();
        let words = description.split(|letter: char| !letter.is_ascii_alphanumeric());
        let is_alert = |word: &&str| {
            (word.starts_with("Cache") || word.starts_with("Redis"))
                && word.chars().filter(char::is_ascii_uppercase).count() > 1
        };
        for word in words.filter(is_alert) {
            assert!(names.contains(word), "{name} names {word}");
        }
    });
}
