//! Reads a tree of values into sections, and goes on after an error so that all of them are told at once.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::error::ConfigError;
use crate::expand::{Lookup, expand, has_variable};
use crate::nearest::advice;
use crate::section::Section;
use crate::setting::{Options, Setting};

/// How much of a wrong value a message shows, in characters.
const MOST_SHOWN: usize = 60;

/// A walk through a tree.
pub(crate) struct Reader<'a> {
    lookup: Lookup<'a>,
    origins: &'a BTreeMap<String, String>,
    path: Vec<String>,
    errors: Vec<ConfigError>,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(lookup: Lookup<'a>, origins: &'a BTreeMap<String, String>) -> Self {
        Self {
            lookup,
            origins,
            path: Vec::new(),
            errors: Vec::new(),
        }
    }

    pub(crate) fn into_errors(self) -> Vec<ConfigError> {
        self.errors
    }

    /// Reports an error of the place where the walk is.
    pub(crate) fn fail(&mut self, message: impl Into<String>) {
        let path = self.path.join(".");
        let origin = self.origins.get(&path).cloned();
        let path = if path.is_empty() {
            "configuration".to_owned()
        } else {
            path
        };
        self.errors
            .push(ConfigError::new(path, message).with_origin(origin));
    }

    /// Goes one step down.
    pub(crate) fn within<T>(&mut self, name: &str, walk: impl FnOnce(&mut Self) -> T) -> T {
        self.path.push(name.to_owned());
        let walked = walk(self);
        self.path.pop();
        walked
    }

    /// Reads each field of a section.
    pub(crate) fn fields(&mut self, value: &Value, mut read: impl FnMut(&mut Self, &str, &Value)) {
        match value {
            Value::Object(fields) => {
                for (name, value) in fields {
                    self.within(name, |reader| read(reader, name, value));
                }
            }
            other => self.fail(no_section(other)),
        }
    }

    /// Reports a name that nobody knows.
    pub(crate) fn unknown(&mut self, name: &str, known: &[&str]) {
        self.fail(format!("there is no such setting; {}", advice(name, known)));
    }

    /// Reads a section.
    pub(crate) fn section<S: Section>(&mut self, value: &Value) -> S {
        let mut section = S::default();
        self.fields(value, |reader, name, value| {
            if !value.is_null() && !section.read_field(name, value, reader) {
                let known = S::names();
                let known: Vec<&str> = known.iter().map(String::as_str).collect();
                reader.unknown(name, &known);
            }
        });
        section
    }

    /// Reads one value.
    pub(crate) fn value<T: Setting>(&mut self, value: &Value) -> Option<T> {
        let read = self.expanded(value).and_then(|value| T::read(&value));
        match read {
            Ok(read) => Some(read),
            Err(message) => {
                let what = if T::SECRET {
                    "the value".to_owned()
                } else {
                    shown(value)
                };
                self.fail(format!("{what} {message}"));
                None
            }
        }
    }

    /// Reads settings that somebody else gives a meaning.
    pub(crate) fn options(&mut self, value: &Value) -> Option<Options> {
        let Value::Object(_) = value else {
            self.fail(no_section(value));
            return None;
        };
        match self.expanded(value) {
            Ok(Value::Object(values)) => Some(Options {
                values,
                is_secret: has_variable(&value.to_string()),
            }),
            Ok(_) => None,
            Err(message) => {
                self.fail(format!("a value {message}"));
                None
            }
        }
    }

    /// Puts variables in their places, in all texts below a value.
    fn expanded(&self, value: &Value) -> Result<Value, String> {
        Ok(match value {
            Value::String(text) => Value::String(expand(text, self.lookup)?),
            Value::Array(parts) => Value::Array(
                parts
                    .iter()
                    .map(|part| self.expanded(part))
                    .collect::<Result<_, _>>()?,
            ),
            Value::Object(fields) => {
                let expanded = |(name, value): (&String, &Value)| Ok((name.clone(), self.expanded(value)?));
                Value::Object(
                    fields
                        .iter()
                        .map(expanded)
                        .collect::<Result<Map<_, _>, String>>()?,
                )
            }
            other => other.clone(),
        })
    }
}

/// Says that a value stands where settings should. It may be a URL or a password, so it is not shown.
fn no_section(value: &Value) -> String {
    let what = match value {
        Value::String(_) => "a text",
        Value::Number(_) => "a number",
        Value::Bool(_) => "a switch",
        Value::Array(_) => "a list",
        Value::Null | Value::Object(_) => "nothing",
    };
    format!("is {what} and no section; give its settings by name")
}

/// Returns a value as it was written, variables in their braces, on one line and not too long.
fn shown(value: &Value) -> String {
    match value {
        Value::Object(_) => "a section".to_owned(),
        Value::Array(_) => "a list".to_owned(),
        other => {
            let text = other.to_string();
            match text.char_indices().nth(MOST_SHOWN) {
                Some((end, _)) => format!("{}…", &text[..end]),
                None => text,
            }
        }
    }
}
