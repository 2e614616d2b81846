//! Writes the JSON Schema of the configuration beside the manifest, for a change of the settings.

use std::error::Error;
use std::fs;
use std::path::Path;

fn main() -> Result<(), Box<dyn Error>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("cache-config.schema.json");
    let text = serde_json::to_string_pretty(&cache_factory::schema())?;
    fs::write(path, text + "\n")?;
    Ok(())
}
