//! The JSON Schema of the configuration, so that editors complete and check it.

use std::borrow::Cow;

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Map, Value, json};

use crate::config::Config;
use crate::kind::WORDS;
use crate::setting::{Bound, Options, Secret, Size, Span, Ttl};

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

/// Returns the schema (draft 2020-12). `cache-config.schema.json` beside this crate's manifest is what it returns.
pub fn schema() -> Value {
    let generator = SchemaSettings::draft2020_12().into_generator();
    let mut schema = generator.into_root_schema_for::<Config>();
    schema.insert("title".to_owned(), "Caches".into());
    let mut schema = schema.to_value();
    for definition in schema["$defs"]
        .as_object_mut()
        .into_iter()
        .flat_map(Map::values_mut)
    {
        admit_texts(definition);
    }
    schema
}

/// Admits texts where a value of another kind is described: a variable may stand there, and the environment has nothing
/// else. One place does it for all settings, so that none is forgotten.
fn admit_texts(definition: &mut Value) {
    if definition["oneOf"].is_array() {
        admit(definition, VARIABLE);
    }
    let properties = definition["properties"].as_object_mut();
    for property in properties.into_iter().flat_map(Map::values_mut) {
        if let Some(form) = text_form(property) {
            admit(property, &form);
        }
    }
}

/// Returns what a text looks like that is read as a value of this kind, if it is no text itself.
fn text_form(property: &Value) -> Option<String> {
    let is = |kind: &str| {
        let kinds = &property["type"];
        kinds == kind
            || kinds
                .as_array()
                .is_some_and(|kinds| kinds.iter().any(|one| one == kind))
    };
    let plain = if is("integer") {
        if property["minimum"] == 0 {
            "[0-9]+"
        } else {
            "-?[0-9]+"
        }
    } else if is("number") {
        "[0-9]+([.][0-9]+)?"
    } else if is("boolean") {
        "true|false"
    } else if is("array") {
        // The parts have commas between them.
        return Some(".".to_owned());
    } else {
        return None;
    };
    Some(format!("^({plain})$|{VARIABLE}"))
}

/// Lets a value also be a text of a form.
fn admit(schema: &mut Value, form: &str) {
    let mut described = schema.take();
    let description = described["description"].take();
    if let Some(fields) = described.as_object_mut() {
        fields.remove("description");
    }
    *schema = json!({
        "anyOf": [described, { "type": "string", "pattern": form }],
        "description": description,
    });
}

/// The words of the backends that this crate knows, for an editor to offer, and any other.
pub(crate) struct Backend;

described!(
    Backend,
    "Backend",
    json_schema!({
        "anyOf": [{ "enum": WORDS }, { "type": "string" }],
    })
);

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
