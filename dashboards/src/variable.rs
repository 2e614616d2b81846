//! What people choose at the top of a dashboard.

use serde_json::{Value, json};

/// The data source that the queries of panels go to.
pub(crate) const DATA_SOURCE: &str = "${datasource}";

/// A choice of label values.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Variable {
    pub(crate) name: &'static str,
    pub(crate) label: &'static str,
    /// What Grafana asks for the values, such as `label_values(up, job)`.
    pub(crate) values: &'static str,
}

pub(crate) const JOB: Variable = Variable {
    name: "job",
    label: "Job",
    values: "label_values(gofr_cache_build_info, job)",
};
pub(crate) const INSTANCE: Variable = Variable {
    name: "instance",
    label: "Instance",
    values: r#"label_values(gofr_cache_build_info{job=~"$job"}, instance)"#,
};
pub(crate) const CACHE_NAME: Variable = Variable {
    name: "cache_name",
    label: "Cache",
    values: r#"label_values(gofr_cache_hits_total{job=~"$job", instance=~"$instance"}, cache_name)"#,
};

impl Variable {
    /// All of them are chosen at first. There is no value of its own for that, so "all" stays inside what the variables
    /// before it leave.
    pub(crate) fn to_json(self) -> Value {
        json!({
            "type": "query",
            "name": self.name,
            "label": self.label,
            "datasource": { "type": "prometheus", "uid": DATA_SOURCE },
            "query": { "query": self.values, "refId": "StandardVariableQuery" },
            "refresh": 2,
            "sort": 1,
            "multi": true,
            "includeAll": true,
            "current": { "text": ["All"], "value": ["$__all"] },
            "options": [],
            "regex": "",
            "hide": 0,
            "skipUrlSync": false
        })
    }
}

/// The choice of the data source.
pub(crate) fn data_source() -> Value {
    json!({
        "type": "datasource",
        "name": "datasource",
        "label": "Data source",
        "query": "prometheus",
        "refresh": 1,
        "multi": false,
        "includeAll": false,
        "current": {},
        "options": [],
        "regex": "",
        "hide": 0,
        "skipUrlSync": false
    })
}
