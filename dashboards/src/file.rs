//! Which files are written, and what is in them.

use serde_json::Value;

use crate::{objectives, overview, redis, reference};

/// A file of the repository that is made from the code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Where it is, from the root of the repository.
    pub path: &'static str,
    /// All of it.
    pub content: String,
}

/// Returns every file that is made from the code.
pub fn files() -> Vec<File> {
    let json = |value: &Value| format!("{value:#}\n");
    vec![
        File {
            path: "dashboards/cache-overview.json",
            content: json(&overview::dashboard().to_json()),
        },
        File {
            path: "dashboards/cache-redis.json",
            content: json(&redis::dashboard().to_json()),
        },
        File {
            path: "dashboards/cache-objectives.json",
            content: json(&objectives::dashboard().to_json()),
        },
        File {
            path: "docs/metrics.md",
            content: reference::metrics(),
        },
    ]
}
