//! Every query of every panel and rule has an answer that can be drawn, and everything that is exported is asked for.

use std::collections::BTreeSet;
use std::thread;
use std::time::{Duration, Instant};

use cache_metrics::names::ALL;

use super::api::{self, Sample};
use super::files::{Query, annotations, queries, variables};
use super::stack::{Stack, wait_for};

/// How long every query may take to have an answer: rates need some scrapes, and the traffic is random.
const PATIENCE: Duration = Duration::from_secs(90);

/// What is exported and on no panel, by the beginning of the name, each with the reason.
const ON_NO_PANEL: [(&str, &str); 4] = [
    ("gofr_inmemory_cache_", "aliases carry the same numbers"),
    ("gofr_redis_cache_", "aliases carry the same numbers"),
    (
        "process_",
        "of the process, memory and CPU are shown; the rest is for whoever looks for it",
    ),
    (
        "using_cache_",
        "the example's own, which other services do not have",
    ),
];

#[test]
#[ignore = "it needs Redis, its exporter and a minute; scripts/check-monitoring.sh runs it"]
fn every_query_of_every_panel_and_rule_has_an_answer_that_can_be_drawn() {
    let stack = Stack::start();
    let prometheus = stack.prometheus;

    let (mut open, until) = (queries(), Instant::now() + PATIENCE);
    loop {
        open.retain(|query| fault(query, api::query(prometheus, &query.text)).is_some());
        if open.is_empty() {
            break;
        }
        if Instant::now() > until {
            let faults = open.iter().map(|query| {
                let fault = fault(query, api::query(prometheus, &query.text)).unwrap_or_default();
                format!("{}: {fault}: {}", query.panel, query.text)
            });
            panic!("{}", faults.collect::<Vec<_>>().join("\n"));
        }
        thread::sleep(Duration::from_millis(500));
    }
    // All at the same time: none may have become NaN or left its range meanwhile.
    for query in queries() {
        let fault = fault(&query, api::query(prometheus, &query.text));
        assert!(fault.is_none(), "{}: {fault:?}: {}", query.panel, query.text);
    }

    for (selector, label) in variables() {
        let values = api::query(prometheus, &format!("count by ({label}) ({selector})")).unwrap();
        let has_values = values.iter().any(|value| value.labels.contains_key(&label));
        assert!(has_values, "{selector} has no {label} to choose");
    }
    for query in annotations() {
        api::query(prometheus, &query).unwrap();
    }
    check_rules(&stack);
    check_exposition(&stack);
}

/// Says what keeps an answer from being drawn.
fn fault(query: &Query, answer: Result<Vec<Sample>, String>) -> Option<String> {
    let samples = match answer {
        Ok(samples) => samples,
        Err(error) => return Some(error),
    };
    if samples.is_empty() {
        return Some("no samples".to_owned());
    }
    for Sample { labels, value } in &samples {
        if !value.is_finite() {
            return Some(format!("{value} of {labels:?}"));
        }
        if query.is_ratio && !(0.0..=1.0).contains(value) {
            return Some(format!("{value} is no ratio"));
        }
        for label in query
            .legend
            .split("{{")
            .skip(1)
            .filter_map(|rest| rest.split("}}").next())
        {
            if !labels.contains_key(label) {
                return Some(format!("the legend names {label}, there is {labels:?}"));
            }
        }
    }
    None
}

/// Rules are evaluated without an error, what they record is finite, and the series that alerts look at exist.
fn check_rules(stack: &Stack) {
    let rules = api::rules(stack.prometheus);
    assert!(rules.len() > 20, "only {} rules", rules.len());
    for rule in rules {
        let (name, query) = (rule["name"].as_str().unwrap(), rule["query"].as_str().unwrap());
        assert_eq!(rule["health"], "ok", "{name}: {}", rule["lastError"]);
        if rule["type"] == "recording" {
            exists(stack, name);
            let samples = api::query(stack.prometheus, name).unwrap();
            assert!(
                samples.iter().all(|sample| sample.value.is_finite()),
                "{name}: {samples:?}"
            );
        } else {
            for selector in selectors(query) {
                exists(stack, &selector);
            }
        }
    }
}

/// Waits for a series. Rules are evaluated after the scrape that they look at.
fn exists(stack: &Stack, selector: &str) {
    let query = format!("count({selector})");
    wait_for(selector, || {
        !api::query(stack.prometheus, &query).unwrap().is_empty()
    });
}

/// The selectors of a query: names of metrics, with their labels if they have some.
fn selectors(query: &str) -> Vec<String> {
    let is_part = |letter: char| letter.is_ascii_alphanumeric() || letter == '_' || letter == ':';
    let mut selectors = Vec::new();
    for start in [
        "gofr_cache_",
        "cache_name:",
        "instance_cache_name:",
        "redis_",
        "up{",
    ] {
        for (at, _) in query.match_indices(start) {
            let begins = query[..at]
                .chars()
                .next_back()
                .is_none_or(|before| !is_part(before));
            let name: String = query[at..]
                .chars()
                .take_while(|letter| is_part(*letter))
                .collect();
            let rest = &query[at + name.len()..];
            let labels = rest
                .find('}')
                .filter(|_| rest.starts_with('{'))
                .map_or("", |end| &rest[..=end]);
            // Only the absence of what is not there can be asked for.
            if begins && !query.starts_with("absent") {
                selectors.push(format!("{name}{labels}"));
            }
        }
    }
    selectors
}

/// Everything that is exported is asked for or excepted, and every metric of the table is exported.
fn check_exposition(stack: &Stack) {
    let expositions = [
        stack.memory.get("/metrics").body,
        stack.on_redis.get("/metrics").body,
    ];
    let names = |text: &str| {
        let lines = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
        lines
            .map(|line| line.split(' ').next().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    let exported: BTreeSet<String> = expositions.iter().flat_map(|text| names(text)).collect();
    let asked: Vec<String> = queries().into_iter().map(|query| query.text).collect();
    for name in &exported {
        let is_asked = asked
            .iter()
            .any(|query| query.contains(&format!("{name}{{")) || query.contains(&format!("{name}_bucket{{")));
        let excepted = ON_NO_PANEL.iter().any(|(start, _)| name.starts_with(start));
        assert!(is_asked || excepted, "{name} is exported and on no panel");
    }
    for metric in ALL {
        let name = format!("gofr_cache_{}", metric.suffix);
        assert!(exported.contains(&name), "{name} is not exported");
    }
}
