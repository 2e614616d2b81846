//! A whole dashboard: rows of panels, laid out from left to right, and what all dashboards have in common.

use serde_json::{Value, json};

use crate::panel::Panel;
use crate::variable::{DATA_SOURCE, Variable, data_source};

/// The columns of a dashboard.
const COLUMNS: u8 = 24;
/// The tag that the dashboards find each other by.
const TAG: &str = "gofr-cache";
/// The version of the format: that of Grafana 10. Later ones read it as well.
const SCHEMA: u8 = 38;

/// A dashboard.
#[derive(Clone, Debug)]
pub struct Dashboard {
    uid: &'static str,
    title: &'static str,
    description: &'static str,
    variables: Vec<Variable>,
    rows: Vec<Row>,
}

/// Panels under a heading.
#[derive(Clone, Debug)]
struct Row {
    title: &'static str,
    /// The title and the uid of the dashboard that tells more about these panels.
    more: (&'static str, &'static str),
    panels: Vec<Panel>,
}

impl Dashboard {
    /// Begins a dashboard. The uid is the end of its address.
    pub fn new(uid: &'static str, title: &'static str, description: &'static str) -> Self {
        Self {
            uid,
            title,
            description,
            variables: Vec::new(),
            rows: Vec::new(),
        }
    }

    pub(crate) fn variables(mut self, variables: &[Variable]) -> Self {
        self.variables = variables.to_vec();
        self
    }

    /// Adds panels under a heading. Each links to the dashboard that tells more: its title and its uid.
    #[must_use]
    pub fn row(
        mut self,
        title: &'static str,
        more: (&'static str, &'static str),
        panels: impl IntoIterator<Item = Panel>,
    ) -> Self {
        self.rows.push(Row {
            title,
            more,
            panels: panels.into_iter().collect(),
        });
        self
    }

    /// Returns the dashboard as Grafana loads it from a file: bare, not in the envelope of its HTTP interface.
    pub fn to_json(&self) -> Value {
        let mut variables = vec![data_source()];
        variables.extend(self.variables.iter().map(|variable| variable.to_json()));
        json!({
            "id": null,
            "uid": self.uid,
            "title": self.title,
            "description": self.description,
            "tags": [TAG],
            "schemaVersion": SCHEMA,
            "version": 1,
            "editable": false,
            "graphTooltip": 1,
            "refresh": "10s",
            "time": { "from": "now-30m", "to": "now" },
            "timezone": "browser",
            "fiscalYearStartMonth": 0,
            "weekStart": "",
            "liveNow": false,
            "timepicker": {},
            "links": [{
                "type": "dashboards",
                "title": "Caches",
                "tags": [TAG],
                "asDropdown": true,
                "includeVars": true,
                "keepTime": true,
                "targetBlank": false,
                "icon": "external link",
                "tooltip": "",
                "url": ""
            }],
            "templating": { "list": variables },
            "annotations": { "list": annotations() },
            "panels": self.panels(),
        })
    }

    fn panels(&self) -> Vec<Value> {
        let (mut panels, mut y) = (Vec::new(), 0);
        for row in &self.rows {
            panels.push(json!({
                "id": panels.len() + 1,
                "type": "row",
                "title": row.title,
                "collapsed": false,
                "gridPos": { "x": 0, "y": y, "w": COLUMNS, "h": 1 },
                "panels": [],
            }));
            y += 1;
            let (mut x, mut tallest) = (0, 0);
            for panel in &row.panels {
                if x + panel.width > COLUMNS {
                    (x, y, tallest) = (0, y + usize::from(tallest), 0);
                }
                panels.push(panel.to_json(panels.len() + 1, (x, y), row.more));
                (x, tallest) = (x + panel.width, tallest.max(panel.height));
            }
            y += usize::from(tallest);
        }
        panels
    }
}

/// Marks on the time axis: when alerts fired, and when a process began.
fn annotations() -> Vec<Value> {
    let annotation = |name: &str, color: &str, query: &str, title: &str| {
        json!({
            "name": name,
            "datasource": { "type": "prometheus", "uid": DATA_SOURCE },
            "enable": true,
            "hide": false,
            "iconColor": color,
            "expr": query,
            "titleFormat": title,
            "useValueForTime": false
        })
    };
    vec![
        annotation(
            "Alerts",
            "red",
            r#"ALERTS{alertstate="firing", severity=~"critical|warning"}"#,
            "{{alertname}} {{cache_name}}",
        ),
        annotation(
            "Restarts",
            "blue",
            r#"changes(process_start_time_seconds{job=~"$job"}[$__rate_interval]) > 0"#,
            "{{instance}} began anew",
        ),
    ]
}
