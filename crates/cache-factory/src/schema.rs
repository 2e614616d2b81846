//! The JSON Schema of the configuration, so that editors complete and check it.

use std::borrow::Cow;

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::Value;

use crate::config::Config;
use crate::setting::{Bound, Options, Secret, Size, Span, Ttl};

/// Returns the schema (draft 2020-12). `cache-config.schema.json` beside this crate's manifest is what it returns.
pub fn schema() -> Value {
    let generator = SchemaSettings::draft2020_12().into_generator();
    let mut schema = generator.into_root_schema_for::<Config>();
    schema.insert("title".to_owned(), "Caches".into());
    schema.to_value()
}

/// Where a variable may stand instead of the value itself.
const VARIABLE: &str = r"\$\{[^}]+\}";

macro_rules! described {
    ($type:ty, $name:literal, $schema:expr) => {
        impl JsonSchema for $type {
            fn schema_name() -> Cow<'static, str> {
                $name.into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                $schema
            }
        }
    };
}

described!(
    Span,
    "Duration",
    json_schema!({
        "type": "string",
        "description": "whole numbers with the units ms, s, m, h or d",
        "pattern": format!("^([0-9]+(ms|s|m|h|d))+$|{VARIABLE}"),
        "examples": ["500ms", "30s", "1h30m"],
    })
);

described!(
    Bound,
    "Bound",
    json_schema!({
        "type": "string",
        "description": "a duration, or off",
        "pattern": format!("^([0-9]+(ms|s|m|h|d))+$|^off$|{VARIABLE}"),
        "examples": ["500ms", "off"],
    })
);

described!(
    Ttl,
    "TimeToLive",
    json_schema!({
        "description": "a duration, or never",
        "anyOf": [
            { "type": "string", "pattern": format!("^([0-9]+(ms|s|m|h|d))+$|^never$|^0$|{VARIABLE}") },
            { "const": 0 },
        ],
        "examples": ["5m", "never"],
    })
);

described!(
    Size,
    "Size",
    json_schema!({
        "description": "bytes",
        "anyOf": [
            { "type": "integer", "minimum": 0 },
            { "type": "string", "pattern": format!("^[0-9]+ ?([kKmMgG][iI]?)?[bB]?$|{VARIABLE}") },
        ],
        "examples": ["64KiB", "10MB", 512],
    })
);

described!(
    Secret,
    "Secret",
    json_schema!({
        "type": "string",
        "description": "never printed; best given as ${NAME}, which stands for an environment variable",
        "examples": ["${REDIS_PASSWORD}"],
    })
);

described!(
    Options,
    "Options",
    json_schema!({
        "type": "object",
        "description": "settings of a backend that the program has registered",
    })
);
