//! Which of the known names somebody most likely meant.

/// Above this similarity, from 0 to 1, a name is offered.
const ALIKE: f64 = 0.75;

/// Says how alike two names are. Jaro-Winkler favours those that begin alike; in short ones a single letter counts, and
/// two that changed places count as one.
fn likeness(one: &str, other: &str) -> f64 {
    let edits = strsim::normalized_damerau_levenshtein(one, other);
    strsim::jaro_winkler(one, other).max(if edits > 0.6 { edits.max(ALIKE + 0.01) } else { 0.0 })
}

/// Returns the known name that is most like a wrong one, if any is like it.
pub(crate) fn nearest<'a>(wrong: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wrong = wrong.to_ascii_lowercase();
    let alike = |name: &str| {
        // Of `memory.max_items` the last part may be what was given, though a whole name is the better guess.
        let last = name.rsplit('.').next().unwrap_or(name);
        likeness(&wrong, name).max(likeness(&wrong, last) - 0.005)
    };
    known
        .into_iter()
        .map(|name| (alike(name), name))
        .filter(|(alike, _)| *alike > ALIKE)
        .max_by(|(one, _), (other, _)| one.total_cmp(other))
        .map(|(_, name)| name)
}

/// Returns the advice that ends a message about an unknown name.
pub(crate) fn advice(wrong: &str, known: &[&str]) -> String {
    match nearest(wrong, known.iter().copied()) {
        Some(name) => format!("did you mean `{name}`?"),
        None if known.is_empty() => "there are none".to_owned(),
        None => format!("there are {}", list(known)),
    }
}

/// Writes names as a list.
pub(crate) fn list(names: &[&str]) -> String {
    let quoted: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
    quoted.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: [&str; 5] = ["backend", "ttl", "loading.ttl", "memory.max_items", "redis.url"];

    #[test]
    fn a_typing_error_finds_its_name() {
        for (wrong, name) in [
            ("tll", "ttl"),
            ("bakend", "backend"),
            ("Backend", "backend"),
            ("max_item", "memory.max_items"),
        ] {
            assert_eq!(nearest(wrong, KNOWN), Some(name), "{wrong}");
        }
    }

    #[test]
    fn what_is_like_nothing_lists_what_there_is() {
        assert_eq!(nearest("xyzzy", KNOWN), None);
        assert!(advice("xyzzy", &KNOWN).starts_with("there are `backend`, `ttl`"));
    }
}
