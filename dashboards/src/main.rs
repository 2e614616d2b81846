//! Writes the dashboards and the reference of the metrics into the repository.

use std::fs;
use std::io;
use std::path::Path;

fn main() -> io::Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    for file in cache_dashboards::files() {
        fs::write(root.join(file.path), file.content)?;
    }
    Ok(())
}
