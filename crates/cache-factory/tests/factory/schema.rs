//! The JSON Schema that is shipped is the one of the types.

use serde_json::Value;

#[test]
fn the_shipped_schema_is_up_to_date() {
    let shipped: Value = serde_json::from_str(include_str!("../../cache-config.schema.json")).unwrap();
    assert!(
        shipped == cache_factory::schema(),
        "run `cargo run -p cache-factory --example write_schema --features schema`"
    );
}

#[test]
fn every_setting_is_described() {
    fn look(path: &str, schema: &Value) {
        for (name, property) in schema["properties"].as_object().into_iter().flatten() {
            assert!(property["description"].is_string(), "{path}.{name}: {property}");
        }
    }
    let schema = cache_factory::schema();
    look("configuration", &schema);
    for (name, definition) in schema["$defs"].as_object().unwrap() {
        look(name, definition);
    }
}

#[test]
fn unknown_settings_are_refused_by_it_too() {
    let schema = cache_factory::schema();
    assert_eq!(schema["additionalProperties"], false);
    assert_eq!(schema["$defs"]["CacheConfig"]["additionalProperties"], false);
}

#[test]
fn the_documentation_names_every_setting() {
    let text = include_str!("../../../../docs/configuration.md");
    let schema = cache_factory::schema();
    for (section, definition) in schema["$defs"].as_object().unwrap() {
        for name in definition["properties"]
            .as_object()
            .into_iter()
            .flatten()
            .map(|(name, _)| name)
        {
            let is_named = ["`", "."]
                .iter()
                .any(|before| text.contains(&format!("{before}{name}`")));
            let is_section = text.contains(&format!("## `{name}`")) || text.contains(&format!("`{name}."));
            assert!(is_named || is_section, "{section}.{name}");
        }
    }
}
