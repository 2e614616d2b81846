//! What the tests ask Prometheus.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use serde_json::Value;

use crate::support::get;

/// A sample of an instant query.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Sample {
    pub(super) labels: BTreeMap<String, String>,
    pub(super) value: f64,
}

/// Runs an instant query.
///
/// # Errors
/// What Prometheus says about a query that it does not understand.
pub(super) fn query(prometheus: SocketAddr, query: &str) -> Result<Vec<Sample>, String> {
    let answer = get(prometheus, &format!("/api/v1/query?query={}", encode(query))).json();
    if answer["status"] != "success" {
        return Err(answer["error"].as_str().unwrap_or("no reason").to_owned());
    }
    let data = &answer["data"];
    if data["resultType"] == "scalar" {
        let value = data["result"][1].as_str().unwrap().parse().unwrap();
        return Ok(vec![Sample {
            labels: BTreeMap::new(),
            value,
        }]);
    }
    let sample = |sample: &Value| Sample {
        labels: serde_json::from_value(sample["metric"].clone()).unwrap(),
        value: sample["value"][1].as_str().unwrap().parse().unwrap(),
    };
    Ok(data["result"].as_array().unwrap().iter().map(sample).collect())
}

/// Every rule with its state.
pub(super) fn rules(prometheus: SocketAddr) -> Vec<Value> {
    let answer = get(prometheus, "/api/v1/rules").json();
    let groups = answer["data"]["groups"].as_array().unwrap();
    groups
        .iter()
        .flat_map(|group| group["rules"].as_array().unwrap().clone())
        .collect()
}

/// The state of an alert: inactive, pending or firing.
pub(super) fn state(prometheus: SocketAddr, alert: &str) -> String {
    let rules = rules(prometheus);
    let rule = rules.iter().find(|rule| rule["name"] == alert);
    let rule = rule.unwrap_or_else(|| panic!("Prometheus has no alert {alert}"));
    rule["state"].as_str().unwrap().to_owned()
}

/// Says whether every target can be scraped, and that there are as many as expected.
pub(super) fn all_up(prometheus: SocketAddr, expected: usize) -> bool {
    let up = query(prometheus, "up").unwrap();
    up.len() == expected && up.iter().all(|target| target.value > 0.0)
}

fn encode(query: &str) -> String {
    let byte = |byte: u8| {
        if byte.is_ascii_alphanumeric() {
            char::from(byte).to_string()
        } else {
            format!("%{byte:02X}")
        }
    };
    query.bytes().map(byte).collect()
}
