//! The files that are made from the code are as the code makes them.

use cache_dashboards::files;
use serde_json::Value;

use crate::support::text;

#[test]
fn the_generated_files_are_up_to_date() {
    for file in files() {
        let shipped = text(file.path);
        // The order of the fields depends on the features that the whole build happens to have.
        let is_same = if file.path.starts_with("dashboards/") {
            let parse = |text: &str| serde_json::from_str::<Value>(text).unwrap();
            parse(&shipped) == parse(&file.content)
        } else {
            shipped == file.content
        };
        assert!(
            is_same,
            "{} is not what the code says; run `just dashboards`",
            file.path
        );
    }
}
