//! The kinds of values that a configuration holds, and how each is read.

use std::fmt;
use std::time::Duration;

use cache_core::Expiration;
use serde_json::{Map, Value};

/// A value that can be read. Numbers and switches may also be given as texts, since the environment has nothing else.
pub(crate) trait Setting: Sized {
    /// Whether messages must not show the value.
    const SECRET: bool = false;

    /// Reads a value whose variables are in their places.
    ///
    /// # Errors
    /// The end of a sentence that begins with the value: what is wrong, and what a right one looks like.
    fn read(value: &Value) -> Result<Self, String>;
}

/// How long something takes: `500ms`, `30s`, `5m`, `1h`, `7d`, or several of them as in `1h30m`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span(pub Duration);

/// How long values live: as a [`Span`], or `never`. `0` is `never` too, as in the source system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ttl(pub Expiration);

/// How long something is done, as a [`Span`], or `off` for not at all or without an end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bound(pub Option<Duration>);

/// So many bytes: `64MiB`, `10KB`, or a plain number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size(pub u64);

/// A text that is never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(pub String);

/// The settings of a backend that this crate does not know.
#[derive(Clone, Default, PartialEq)]
pub struct Options {
    pub(crate) values: Map<String, Value>,
    /// Whether variables were put into it, so that messages must not show its values.
    pub(crate) is_secret: bool,
}

impl<T: Into<String>> From<T> for Secret {
    fn from(text: T) -> Self {
        Self(text.into())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<redacted>")
    }
}

/// Prints the names and no values: some may be secrets.
impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.values.keys()).finish()
    }
}

const DURATION: &str = "is no duration; give whole numbers with a unit, such as 500ms, 30s, 5m, 1h or 7d";

/// Milliseconds of each unit, the largest first.
const UNITS: [(&str, u64); 5] = [
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("ms", 1),
    ("m", 60_000),
    ("s", 1_000),
];

fn duration(text: &str) -> Option<Duration> {
    let mut rest = text.trim();
    let mut millis = 0_u64;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let number: u64 = rest[..digits].parse().ok()?;
        let (unit, worth) = UNITS
            .into_iter()
            .find(|(unit, _)| rest[digits..].starts_with(unit))?;
        millis = millis.checked_add(number.checked_mul(worth)?)?;
        rest = &rest[digits + unit.len()..];
    }
    (!text.trim().is_empty()).then(|| Duration::from_millis(millis))
}

impl Setting for Span {
    fn read(value: &Value) -> Result<Self, String> {
        let read = value.as_str().and_then(duration);
        read.map(Self).ok_or_else(|| DURATION.to_owned())
    }
}

impl Setting for Bound {
    fn read(value: &Value) -> Result<Self, String> {
        if value
            .as_str()
            .is_some_and(|text| text.trim().eq_ignore_ascii_case("off"))
        {
            return Ok(Self(None));
        }
        match Span::read(value) {
            Ok(span) => Ok(Self(Some(span.0))),
            Err(message) => Err(format!("{message}, or off")),
        }
    }
}

impl Setting for f64 {
    fn read(value: &Value) -> Result<Self, String> {
        let read = value.as_f64().or_else(|| value.as_str()?.trim().parse().ok());
        read.filter(|number| number.is_finite())
            .ok_or_else(|| "is no number; give one, such as 0.05".to_owned())
    }
}

impl Setting for Ttl {
    fn read(value: &Value) -> Result<Self, String> {
        let is_zero = value.as_u64() == Some(0) || value.as_str().is_some_and(|text| text.trim() == "0");
        let is_never = value
            .as_str()
            .is_some_and(|text| text.trim().eq_ignore_ascii_case("never"));
        if is_zero || is_never {
            return Ok(Self(Expiration::Never));
        }
        match value.as_str().and_then(duration) {
            Some(Duration::ZERO) => Ok(Self(Expiration::Never)),
            Some(ttl) => Ok(Self(Expiration::After(ttl))),
            None => Err(format!("{DURATION}, or never")),
        }
    }
}

fn size(text: &str) -> Option<u64> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let worth: u64 = match text[digits..].trim_start().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "kb" => 1_000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        "kib" => 1 << 10,
        "mib" => 1 << 20,
        "gib" => 1 << 30,
        _ => return None,
    };
    text[..digits].parse::<u64>().ok()?.checked_mul(worth)
}

impl Setting for Size {
    fn read(value: &Value) -> Result<Self, String> {
        let read = value.as_u64().or_else(|| value.as_str().and_then(size));
        read.map(Self).ok_or_else(|| {
            "is no size; give whole bytes or a unit, such as 512, 64KiB, 10MB or 1GiB".to_owned()
        })
    }
}

impl Setting for String {
    fn read(value: &Value) -> Result<Self, String> {
        match value {
            Value::String(text) => Ok(text.clone()),
            // YAML reads some texts as numbers.
            Value::Number(number) => Ok(number.to_string()),
            _ => Err("is no text; give one in quotes".to_owned()),
        }
    }
}

impl Setting for Secret {
    const SECRET: bool = true;

    fn read(value: &Value) -> Result<Self, String> {
        String::read(value).map(Self)
    }
}

impl Setting for bool {
    fn read(value: &Value) -> Result<Self, String> {
        match value {
            Value::Bool(is_on) => Some(*is_on),
            Value::String(text) => text.trim().to_ascii_lowercase().parse().ok(),
            _ => None,
        }
        .ok_or_else(|| "is neither true nor false; give one of them".to_owned())
    }
}

macro_rules! whole_numbers {
    ($($type:ty: $range:literal),+) => {$(
        impl Setting for $type {
            fn read(value: &Value) -> Result<Self, String> {
                let read = match value {
                    Value::Number(number) => number.as_i128().and_then(|number| number.try_into().ok()),
                    Value::String(text) => text.trim().parse().ok(),
                    _ => None,
                };
                read.ok_or_else(|| format!("is no whole number {}; give one", $range))
            }
        }
    )+};
}

whole_numbers!(u16: "from 0 to 65535", u32: "from 0 to 4294967295", u64: "from 0 on", usize: "from 0 on", i64: "of 64 bits");

impl<T: Setting> Setting for Vec<T> {
    const SECRET: bool = T::SECRET;

    fn read(value: &Value) -> Result<Self, String> {
        match value {
            Value::Array(parts) => parts.iter().map(T::read).collect(),
            Value::String(text) => text.split(',').map(|part| T::read(&part.trim().into())).collect(),
            _ => Err("is no list; give one, or a text with commas".to_owned()),
        }
    }
}

/// Declares a choice between words.
macro_rules! words {
    (
        $(#[$meta:meta])*
        pub enum $name:ident { $($(#[$doc:meta])* $variant:ident = $word:literal,)+ }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
        #[non_exhaustive]
        pub enum $name {
            $($(#[$doc])* #[cfg_attr(feature = "schema", schemars(rename = $word))] $variant,)+
        }

        impl $crate::setting::Setting for $name {
            fn read(value: &serde_json::Value) -> Result<Self, String> {
                let word = value.as_str().unwrap_or_default().trim().to_ascii_lowercase();
                match word.as_str() {
                    $($word => Ok(Self::$variant),)+
                    _ => Err(format!("is not known; {}", $crate::nearest::advice(&word, &[$($word),+]))),
                }
            }
        }
    };
}

pub(crate) use words;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn millis(text: &str) -> Option<u128> {
        Span::read(&json!(text)).ok().map(|span| span.0.as_millis())
    }

    #[test]
    fn durations_have_units_and_may_have_several() {
        let expected = [
            ("500ms", 500),
            ("30s", 30_000),
            ("5m", 300_000),
            ("1h30m", 5_400_000),
            ("7d", 604_800_000),
            ("0s", 0),
        ];
        for (text, expected) in expected {
            assert_eq!(millis(text), Some(expected), "{text}");
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
            "5 parsecs",
            "99999999999999999999s",
            "18446744073709551615d",
        ] {
            assert_eq!(millis(text), None, "{text}");
        }
        assert!(Span::read(&json!(30)).is_err());
    }

    #[test]
    fn never_and_zero_have_no_end() {
        for value in [json!("never"), json!("Never"), json!("0"), json!(0), json!("0s")] {
            assert_eq!(Ttl::read(&value), Ok(Ttl(Expiration::Never)), "{value}");
        }
        assert_eq!(
            Ttl::read(&json!("5m")),
            Ok(Ttl(Expiration::After(Duration::from_secs(300))))
        );
    }

    #[test]
    fn sizes_have_units_of_1000_and_of_1024() {
        for (text, bytes) in [
            ("512", 512),
            ("1B", 1),
            ("10KB", 10_000),
            ("64KiB", 65_536),
            ("64 MiB", 67_108_864),
            ("1gib", 1 << 30),
        ] {
            assert_eq!(Size::read(&json!(text)), Ok(Size(bytes)), "{text}");
        }
        for text in ["", "MiB", "1.5MiB", "-1", "1TB", "99999999999999999999"] {
            assert!(Size::read(&json!(text)).is_err(), "{text}");
        }
        assert_eq!(Size::read(&json!(7)), Ok(Size(7)));
    }

    #[test]
    fn texts_of_the_environment_are_numbers_and_switches_too() {
        assert_eq!(
            (u64::read(&json!("7")), bool::read(&json!("TRUE"))),
            (Ok(7), Ok(true))
        );
        assert_eq!(
            Vec::<String>::read(&json!("a, b")),
            Ok(vec!["a".to_owned(), "b".to_owned()])
        );
        assert!(
            u64::read(&json!(-1)).is_err()
                && u64::read(&json!(1.5)).is_err()
                && bool::read(&json!("yes")).is_err()
        );
    }
}
