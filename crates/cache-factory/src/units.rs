//! Durations in messages as a configuration writes them. Builders print them as Rust does, all in seconds.

/// Seconds of each unit, the largest first.
const UNITS: [(&str, u64); 4] = [("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)];

/// Writes each duration that stands in a message with the units of a configuration: `2h` for `7200s`.
pub(crate) fn in_units(message: &str) -> String {
    let words: Vec<_> = message.split(' ').map(word).collect();
    words.join(" ")
}

fn word(word: &str) -> String {
    let digits = word.find(|c: char| !c.is_ascii_digit()).unwrap_or(word.len());
    let (number, unit) = word.split_at(digits);
    let end = unit.trim_start_matches(|c: char| c.is_ascii_alphabetic());
    match (number.parse(), &unit[..unit.len() - end.len()]) {
        (Ok(0), "ns") => format!("0s{end}"),
        (Ok(seconds), "s") if seconds > 0 => format!("{}{end}", written(seconds)),
        _ => word.to_owned(),
    }
}

fn written(mut seconds: u64) -> String {
    let mut text = String::new();
    for (unit, worth) in UNITS {
        if seconds >= worth {
            text = format!("{text}{}{unit}", seconds / worth);
            seconds %= worth;
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_the_units_of_a_configuration() {
        for (message, expected) in [
            ("is 7200s; give", "is 2h; give"),
            (
                "is 60s and the TTL is 5400s, so",
                "is 1m and the TTL is 1h30m, so",
            ),
            ("is 90061s", "is 1d1h1m1s"),
            ("is 0ns; give a duration", "is 0s; give a duration"),
            ("is 1.5s", "is 1.5s"),
            ("is 500ms", "is 500ms"),
            ("2 settings, 7200", "2 settings, 7200"),
            ("\"7200s\" cannot be read", "\"7200s\" cannot be read"),
            ("s and 0s", "s and 0s"),
        ] {
            assert_eq!(in_units(message), expected);
        }
    }
}
