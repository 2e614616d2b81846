//! How a panel is drawn: lines and their axis, limits, and the options of each kind.

use serde_json::{Value, json};

use super::{Kind, Panel};
use crate::unit::Unit;

/// How the legend of a limit ends.
const LIMIT: &str = " limit";

impl Panel {
    pub(super) fn drawing(&self) -> Value {
        let scale = if self.is_logarithmic {
            json!({ "type": "log", "log": 10 })
        } else {
            json!({ "type": "linear" })
        };
        let stacking = if self.is_stacked { "normal" } else { "none" };
        let limits = if self.thresholds.is_empty() {
            "off"
        } else {
            "dashed"
        };
        // Below a line on a logarithmic axis is no amount.
        let opacity = match (self.is_stacked, self.is_logarithmic) {
            (true, _) => 40,
            (false, true) => 0,
            (false, false) => 8,
        };
        let mut drawing = json!({
            "drawStyle": "line",
            "lineWidth": 1,
            "fillOpacity": opacity,
            "showPoints": "never",
            "spanNulls": false,
            "scaleDistribution": scale,
            "stacking": { "mode": stacking, "group": "A" },
            "thresholdsStyle": { "mode": limits },
        });
        if let Some(minimum) = self.soft_minimum {
            drawing["axisSoftMin"] = json!(minimum);
        }
        if matches!(self.unit, Unit::Count | Unit::PerSecond) && !self.is_logarithmic {
            // Over nothing at all Grafana draws an axis up to 100.
            drawing["axisSoftMax"] = json!(1);
        }
        drawing
    }

    /// Limits are dashed, without an area below them.
    pub(super) fn overrides(&self) -> Vec<Value> {
        let is_limit = |(legend, _): &(&str, String)| legend.ends_with(LIMIT);
        if !self.queries.iter().any(is_limit) {
            return Vec::new();
        }
        vec![json!({
            "matcher": { "id": "byRegexp", "options": format!("/{LIMIT}$/") },
            "properties": [
                { "id": "custom.fillOpacity", "value": 0 },
                { "id": "custom.lineStyle", "value": { "fill": "dash", "dash": [10, 10] } },
            ],
        })]
    }

    pub(super) fn options(&self) -> Value {
        let last = json!({ "calcs": ["lastNotNull"], "fields": "", "values": false });
        match self.kind {
            Kind::Stat => json!({
                "reduceOptions": last,
                "colorMode": "value",
                // The number would lie over its graph, and there are lines below anyway.
                "graphMode": "none",
                "textMode": "auto",
                "justifyMode": "auto",
                "orientation": "auto",
            }),
            Kind::Lines => json!({
                "legend": { "displayMode": "list", "placement": "bottom", "showLegend": true, "calcs": [] },
                "tooltip": { "mode": "multi", "sort": "desc" },
            }),
            Kind::Heatmap => json!({
                "calculate": false,
                "cellGap": 1,
                "color": { "mode": "scheme", "scheme": "Oranges", "scale": "exponential", "exponent": 0.5, "steps": 64,
                    "fill": "dark-orange", "reverse": false },
                "filterValues": { "le": 1e-9 },
                "legend": { "show": true },
                "rowsFrame": { "layout": "auto" },
                "showValue": "never",
                "tooltip": { "yHistogram": true },
                "yAxis": { "axisPlacement": "left", "unit": self.unit.id() },
            }),
            Kind::Table => json!({ "cellHeight": "sm", "showHeader": true }),
        }
    }
}
