//! `docs/configuration.md` tells what wrong settings print. Here they are set, and print it.

use crate::support::errors;

/// The rows of the table: a wrong configuration, and what it prints.
pub(crate) fn rows() -> Vec<(String, String)> {
    let text = include_str!("../../../../docs/configuration.md");
    let table = text.split("## What wrong settings print").nth(1).unwrap();
    let rows = table.lines().filter(|line| line.starts_with("| `"));
    rows.map(|row| {
        let cells: Vec<&str> = row.split(" | ").collect();
        assert_eq!(cells.len(), 2, "{row}");
        let setting = cells[0].trim_start_matches("| ").trim_matches('`');
        (
            setting.replace(" ; ", "\n"),
            cells[1].trim_end_matches(" |").to_owned(),
        )
    })
    .collect()
}

#[test]
fn every_wrong_setting_prints_what_the_table_says() {
    let rows = rows();
    assert!(rows.len() > 20, "the table is elsewhere: {rows:?}");
    let mut wrong = String::new();
    for (setting, expected) in rows {
        let told = errors(&setting).join("; ");
        if told != expected {
            wrong = format!("{wrong}\n{setting}\n  prints  {told}\n  and not {expected}");
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

/// Every setting of the configuration, by its path within a cache.
#[cfg(feature = "schema")]
fn leaves() -> Vec<String> {
    use serde_json::Value;

    /// The section that a property holds, if it holds one: directly, or as one of several.
    fn section<'a>(schema: &'a Value, property: &'a Value) -> Option<&'a Value> {
        let own = std::iter::once(property);
        let mut parts = own.chain(property["anyOf"].as_array().into_iter().flatten());
        parts.find_map(|part| {
            let name = part["$ref"].as_str()?.strip_prefix("#/$defs/")?;
            let definition = &schema["$defs"][name];
            definition["properties"].is_object().then_some(definition)
        })
    }

    fn walk(schema: &Value, definition: &Value, path: &str, found: &mut Vec<String>) {
        for (name, property) in definition["properties"].as_object().unwrap() {
            let path = format!("{path}.{name}");
            match section(schema, property) {
                Some(inner) => walk(schema, inner, &path, found),
                None => found.push(path),
            }
        }
    }

    let (schema, mut found) = (cache_factory::schema(), Vec::new());
    walk(&schema, &schema["$defs"]["CacheConfig"], "", &mut found);
    assert!(found.len() > 50, "{found:?}");
    found
}

#[test]
#[cfg(feature = "schema")]
fn every_setting_is_wrong_in_a_row_of_the_table() {
    let rows = rows();
    let is_set = |leaf: &str| {
        let sets = |setting: &str| {
            ["caches.users", "caches.a", "caches.b", "defaults"]
                .iter()
                .any(|cache| {
                    let rest = setting.strip_prefix(&format!("{cache}{leaf}"));
                    rest.is_some_and(|rest| rest.starts_with([' ', '.']))
                })
        };
        rows.iter().any(|(settings, _)| settings.lines().any(sets))
    };
    let mut missing = leaves();
    missing.retain(|leaf| !is_set(leaf));
    assert!(
        missing.is_empty(),
        "no row of docs/configuration.md sets {missing:?}"
    );
}
