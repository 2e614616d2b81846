//! What is wrong with a setting of a backend that a program brings along. Such a setting may be a secret, so no value
//! is shown, only what kind of value it is.

use std::fmt;

use serde::de::{Error, Expected, Unexpected};

use crate::nearest::advice;

/// One thing that is wrong, and where.
#[derive(Debug)]
pub(crate) struct Wrong {
    /// The names on the way to it, the innermost first.
    way: Vec<String>,
    what: What,
}

#[derive(Debug)]
enum What {
    /// A setting of this name is missing.
    Missing(&'static str),
    /// In words of this crate, which show no value.
    Ours(String),
    /// In words of the type that was read, which may show one.
    Theirs(String),
}

impl Wrong {
    fn ours(message: impl Into<String>) -> Self {
        Self::new(What::Ours(message.into()))
    }

    fn new(what: What) -> Self {
        Self {
            way: Vec::new(),
            what,
        }
    }

    /// Says in which setting it is.
    pub(crate) fn within(mut self, name: &str) -> Self {
        self.way.push(name.to_owned());
        self
    }

    /// Returns the path of the setting, or that of the one that is missing.
    pub(crate) fn path(&self) -> String {
        let way = self.way.iter().rev().map(String::as_str);
        let missing = match self.what {
            What::Missing(name) => Some(name),
            _ => None,
        };
        way.chain(missing).collect::<Vec<_>>().join(".")
    }

    pub(crate) fn is_missing(&self) -> bool {
        matches!(self.what, What::Missing(_))
    }

    /// Returns the message. Where a variable may have put a secret in, words of others are not shown.
    pub(crate) fn message(self, is_secret: bool) -> String {
        match self.what {
            What::Missing(_) => "is missing; give it".to_owned(),
            What::Theirs(_) if is_secret => {
                "cannot be read as this backend expects; the reason is not shown, since it may hold a secret"
                    .to_owned()
            }
            What::Ours(message) | What::Theirs(message) => message,
        }
    }
}

/// Returns the word for the kind of a value.
fn kind(value: Unexpected<'_>) -> &'static str {
    match value {
        Unexpected::Bool(_) => "a switch",
        Unexpected::Unsigned(_) | Unexpected::Signed(_) | Unexpected::Float(_) => "a number",
        Unexpected::Char(_) | Unexpected::Str(_) => "a text",
        Unexpected::Seq => "a list",
        Unexpected::Map => "a section",
        Unexpected::Unit | Unexpected::Option => "nothing",
        _ => "something else",
    }
}

impl Error for Wrong {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::new(What::Theirs(message.to_string()))
    }

    fn invalid_type(given: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::ours(format!("is {} where {expected} is expected", kind(given)))
    }

    fn invalid_value(given: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::ours(format!(
            "is {} out of the range or form of {expected}",
            kind(given)
        ))
    }

    fn unknown_variant(given: &str, expected: &'static [&'static str]) -> Self {
        Self::ours(format!("is not known; {}", advice(given, expected)))
    }

    fn unknown_field(given: &str, expected: &'static [&'static str]) -> Self {
        Self::ours(format!("there is no such setting; {}", advice(given, expected)))
    }

    fn missing_field(name: &'static str) -> Self {
        Self::new(What::Missing(name))
    }
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a setting of the backend is wrong")
    }
}

impl std::error::Error for Wrong {}
