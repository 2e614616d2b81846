//! Reads the values of settings. Each message says what a right value looks like.

use std::net::SocketAddr;
use std::time::Duration;

use cache_core::Expiration;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

/// Above this the generator would need a core of its own.
const MOST_PER_SECOND: u32 = 100_000;

pub(crate) fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse()
        .map_err(|_| "give an IP address and a port, such as 127.0.0.1:8080 or [::1]:8080".to_owned())
}

pub(crate) fn rate(text: &str) -> Result<u32, String> {
    let rate = text.parse().ok().filter(|rate| *rate <= MOST_PER_SECOND);
    rate.ok_or_else(|| format!("give a whole number of requests per second from 0 to {MOST_PER_SECOND}"))
}

pub(crate) fn whole(text: &str) -> Result<u64, String> {
    text.parse()
        .map_err(|_| "give a whole number, 0 or more".to_owned())
}

/// Reads a number and its unit.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let unit_at = text
        .find(|character: char| !character.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(unit_at);
    let millis_per_unit = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => 0,
    };
    let millis = number.parse::<u64>().ok().filter(|_| millis_per_unit > 0);
    let millis = millis.and_then(|number| number.checked_mul(millis_per_unit));
    millis
        .map(Duration::from_millis)
        .ok_or_else(|| "give a whole number with the unit ms, s, m or h, such as 20ms or 30s".to_owned())
}

/// Reads how long something lives, as the files of the configuration do: no time at all is no end.
pub(crate) fn ttl(text: &str) -> Result<Expiration, String> {
    let text = text.trim();
    if text == "0" || text.eq_ignore_ascii_case("never") {
        return Ok(Expiration::Never);
    }
    match duration(text) {
        Ok(Duration::ZERO) => Ok(Expiration::Never),
        Ok(ttl) => Ok(Expiration::After(ttl)),
        Err(message) => Err(format!("{message}, or never")),
    }
}

/// What is logged unless it is told.
const LOG: &str = "info";

/// Reads levels and directives; nothing at all, as in an empty variable, is the default.
///
/// A bare word that is no level would be taken for the name of a target, so that a typing error would silence the log.
/// A target must be given with its level instead.
pub(crate) fn log_filter(text: &str) -> Result<EnvFilter, String> {
    let text = if text.trim().is_empty() { LOG } else { text };
    let plain = |part: &str| part.contains(['=', '[']) || part.trim().parse::<LevelFilter>().is_ok();
    let filter = text
        .split(',')
        .all(plain)
        .then(|| EnvFilter::try_new(text).ok())
        .flatten();
    filter.ok_or_else(|| {
        "give off, error, warn, info, debug, trace, or a level by target as in info,using_cache=debug"
            .to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_a_unit() {
        let expected = [
            ("0ms", 0),
            ("20ms", 20),
            ("30s", 30_000),
            ("5m", 300_000),
            ("1h", 3_600_000),
        ];
        for (text, millis) in expected {
            assert_eq!(duration(text), Ok(Duration::from_millis(millis)), "{text}");
        }
    }

    #[test]
    fn what_is_no_duration_is_refused() {
        for text in [
            "",
            "30",
            "s",
            "-1s",
            "1.5s",
            "30 s",
            "1d",
            "18446744073709551615h",
            "99999999999999999999s",
        ] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn no_time_at_all_is_no_end() {
        for text in ["0s", "0ms", "0", "never", "Never", " 0 "] {
            assert_eq!(ttl(text), Ok(Expiration::Never), "{text}");
        }
        let brief = Expiration::After(Duration::from_millis(1));
        assert_eq!(ttl("1ms"), Ok(brief));
    }

    #[test]
    fn a_misspelt_level_is_no_target() {
        for text in ["inof", "info,debgu", "info,using_cache=loud"] {
            assert!(log_filter(text).is_err(), "{text}");
        }
        for text in [
            "info",
            "WARN",
            "off",
            "info,using_cache=debug",
            "using_cache=trace",
        ] {
            assert!(log_filter(text).is_ok(), "{text}");
        }
    }
}
