//! One panel: what it shows, and the JSON that Grafana draws it from.

mod drawing;

use serde_json::{Value, json};

use crate::unit::Unit;
use crate::variable::DATA_SOURCE;

/// The letters that name the queries of a panel.
const LETTERS: [&str; 6] = ["A", "B", "C", "D", "E", "F"];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Stat,
    Lines,
    Heatmap,
    Table,
}

/// A panel of a dashboard.
#[derive(Clone, Debug)]
pub struct Panel {
    kind: Kind,
    title: &'static str,
    description: &'static str,
    unit: Unit,
    queries: Vec<(&'static str, String)>,
    thresholds: Vec<(f64, &'static str)>,
    lowest_color: &'static str,
    is_logarithmic: bool,
    is_stacked: bool,
    soft_minimum: Option<f64>,
    decimals: Option<u8>,
    pub(crate) width: u8,
    pub(crate) height: u8,
}

impl Panel {
    fn new(kind: Kind, title: &'static str, unit: Unit, description: &'static str) -> Self {
        let (width, height) = match kind {
            Kind::Stat => (4, 5),
            Kind::Lines | Kind::Table => (8, 8),
            Kind::Heatmap => (12, 8),
        };
        Self {
            kind,
            title,
            description,
            unit,
            queries: Vec::new(),
            thresholds: Vec::new(),
            lowest_color: "text",
            is_logarithmic: false,
            is_stacked: false,
            soft_minimum: None,
            decimals: None,
            width,
            height,
        }
    }

    /// A single number, as it is now.
    pub fn stat(title: &'static str, unit: Unit, description: &'static str) -> Self {
        Self::new(Kind::Stat, title, unit, description)
    }

    /// Lines over time.
    pub fn lines(title: &'static str, unit: Unit, description: &'static str) -> Self {
        Self::new(Kind::Lines, title, unit, description)
    }

    /// The buckets of a histogram over time.
    pub fn heatmap(title: &'static str, unit: Unit, description: &'static str) -> Self {
        Self::new(Kind::Heatmap, title, unit, description)
    }

    /// The labels of series as rows.
    pub fn table(title: &'static str, description: &'static str) -> Self {
        Self::new(Kind::Table, title, Unit::Text, description)
    }

    /// Adds a query. The legend is text in which `{{label}}` stands for the value of a label.
    #[must_use]
    pub fn query(mut self, legend: &'static str, query: String) -> Self {
        self.queries.push((legend, query));
        self
    }

    /// Sets the color below the first of the thresholds, then from which value on there is which other one.
    #[must_use]
    pub fn colors(mut self, lowest: &'static str, thresholds: &[(f64, &'static str)]) -> Self {
        self.lowest_color = lowest;
        self.thresholds = thresholds.to_vec();
        self
    }

    /// Draws the values on a logarithmic axis.
    #[must_use]
    pub fn logarithmic(mut self) -> Self {
        self.is_logarithmic = true;
        self
    }

    /// Draws the lines on top of each other.
    #[must_use]
    pub fn stacked(mut self) -> Self {
        self.is_stacked = true;
        self
    }

    /// Begins the axis at a value, or below it once there is something.
    #[must_use]
    pub fn soft_minimum(mut self, minimum: f64) -> Self {
        self.soft_minimum = Some(minimum);
        self
    }

    /// Sets how many decimals are shown.
    #[must_use]
    pub fn decimals(mut self, decimals: u8) -> Self {
        self.decimals = Some(decimals);
        self
    }

    /// Sets the width in columns, of which a dashboard has 24.
    #[must_use]
    pub fn wide(mut self, width: u8) -> Self {
        self.width = width;
        self
    }

    /// Sets the height in lines.
    #[must_use]
    pub fn high(mut self, height: u8) -> Self {
        self.height = height;
        self
    }

    /// Turns it into JSON, with a link to the dashboard that tells more.
    pub(crate) fn to_json(&self, id: usize, at: (u8, usize), more: (&str, &str)) -> Value {
        let (x, y) = at;
        let (more_title, more_uid) = more;
        let mut panel = json!({
            "id": id,
            "type": self.type_name(),
            "title": self.title,
            "description": self.description,
            "gridPos": { "x": x, "y": y, "w": self.width, "h": self.height },
            "datasource": { "type": "prometheus", "uid": DATA_SOURCE },
            "links": [{
                "title": more_title,
                "url": format!("/d/{more_uid}?${{__url_time_range}}&${{__all_variables}}"),
            }],
            "targets": self.targets(),
            "fieldConfig": { "defaults": self.defaults(), "overrides": self.overrides() },
            "options": self.options(),
        });
        if self.kind == Kind::Table {
            panel["transformations"] = json!([
                { "id": "labelsToFields", "options": {} },
                { "id": "merge", "options": {} },
                { "id": "organize", "options": { "excludeByName": { "Time": true, "Value": true, "__name__": true } } },
            ]);
        }
        panel
    }

    fn type_name(&self) -> &'static str {
        match self.kind {
            Kind::Stat => "stat",
            Kind::Lines => "timeseries",
            Kind::Heatmap => "heatmap",
            Kind::Table => "table",
        }
    }

    fn targets(&self) -> Vec<Value> {
        let format = match self.kind {
            Kind::Heatmap => "heatmap",
            Kind::Table => "table",
            _ => "time_series",
        };
        let is_instant = self.kind == Kind::Table;
        let target = |(letter, (legend, query)): (&&str, &(&str, String))| {
            json!({
                "refId": letter,
                "datasource": { "type": "prometheus", "uid": DATA_SOURCE },
                "expr": query,
                "legendFormat": legend,
                "format": format,
                "instant": is_instant,
                "range": !is_instant,
            })
        };
        LETTERS.iter().zip(&self.queries).map(target).collect()
    }

    fn defaults(&self) -> Value {
        let mut steps = vec![json!({ "value": null, "color": self.lowest_color })];
        steps.extend(
            self.thresholds
                .iter()
                .map(|(value, color)| json!({ "value": value, "color": color })),
        );
        let mode = if self.kind == Kind::Stat {
            "thresholds"
        } else {
            "palette-classic"
        };
        let mut defaults = json!({
            "unit": self.unit.id(),
            "color": { "mode": mode },
            "thresholds": { "mode": "absolute", "steps": steps },
        });
        if self.unit == Unit::Ratio {
            defaults["max"] = json!(1);
        }
        let from_zero = self.unit == Unit::Ratio || (self.kind == Kind::Lines && !self.is_logarithmic);
        if from_zero && self.soft_minimum.is_none() {
            defaults["min"] = json!(0);
        }
        if let Some(decimals) = self.decimals {
            defaults["decimals"] = json!(decimals);
        }
        if self.kind == Kind::Lines {
            defaults["custom"] = self.drawing();
        }
        defaults
    }
}
