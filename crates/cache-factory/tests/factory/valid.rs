//! As much of JSON Schema as the schema of the configuration uses. A keyword that this does not know fails the test.
#![expect(clippy::panic, reason = "a test fails by panicking")]

use regex::Regex;
use serde_json::{Map, Value};

/// Returns the first thing that a schema has to say against a value, if any.
pub(crate) fn complaint(root: &Value, value: &Value) -> Option<String> {
    look(root, root, value, "")
}

fn look(root: &Value, schema: &Value, value: &Value, path: &str) -> Option<String> {
    let Value::Object(keywords) = schema else {
        // `true` and `false` are schemas too.
        return (schema == &Value::Bool(false)).then(|| format!("{path}: is not allowed"));
    };
    keywords
        .iter()
        .find_map(|(keyword, rule)| against(root, keywords, (keyword, rule), value, path))
}

fn against(
    root: &Value,
    keywords: &Map<String, Value>,
    (keyword, rule): (&str, &Value),
    value: &Value,
    path: &str,
) -> Option<String> {
    let fits = |schema: &&Value| look(root, schema, value, path).is_none();
    let each = |rule: &'static str| {
        keywords
            .get(rule)
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
    };
    let holds = match keyword {
        "$schema" | "$defs" | "title" | "description" | "examples" | "format" | "default" => true,
        "$ref" => {
            let name = rule.as_str().unwrap().strip_prefix("#/$defs/").unwrap();
            return look(root, &root["$defs"][name], value, path);
        }
        "anyOf" => rule.as_array().unwrap().iter().any(|schema| fits(&schema)),
        "oneOf" => rule.as_array().unwrap().iter().filter(fits).count() == 1,
        "const" => rule == value,
        "enum" => rule.as_array().unwrap().contains(value),
        "type" => match rule {
            Value::Array(kinds) => kinds.iter().any(|kind| is_a(value, kind)),
            kind => is_a(value, kind),
        },
        "minimum" => value
            .as_f64()
            .is_none_or(|number| number >= rule.as_f64().unwrap()),
        "maximum" => value
            .as_f64()
            .is_none_or(|number| number <= rule.as_f64().unwrap()),
        "pattern" => {
            let pattern = Regex::new(rule.as_str().unwrap()).unwrap();
            value.as_str().is_none_or(|text| pattern.is_match(text))
        }
        "items" => {
            let parts = value.as_array().into_iter().flatten();
            return parts.into_iter().find_map(|part| look(root, rule, part, path));
        }
        "properties" => {
            let known =
                each("properties").filter_map(|(name, schema)| Some((name, schema, value.get(name)?)));
            return known
                .into_iter()
                .find_map(|(name, schema, value)| look(root, schema, value, &format!("{path}.{name}")));
        }
        "additionalProperties" => {
            let mut others = value.as_object().into_iter().flatten();
            return others
                .by_ref()
                .filter(|(name, _)| each("properties").all(|(known, _)| known != *name))
                .find_map(|(name, value)| look(root, rule, value, &format!("{path}.{name}")));
        }
        other => panic!("the schema has the keyword {other:?}, which this test does not know"),
    };
    (!holds).then(|| format!("{path}: {value} against {keyword} {rule}"))
}

fn is_a(value: &Value, kind: &Value) -> bool {
    match kind.as_str().unwrap() {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("no type is named {other:?}"),
    }
}
