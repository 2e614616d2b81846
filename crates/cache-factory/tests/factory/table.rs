//! `docs/configuration.md` tells what wrong settings print. Here they are set, and print it.

use crate::support::errors;

/// The rows of the table: a wrong configuration, and what it prints.
fn rows() -> Vec<(String, String)> {
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
