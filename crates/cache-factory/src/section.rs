//! Sections of a configuration. One declaration makes the type, its reading, its defaults and its schema, so that none
//! of them can forget a setting.

use serde_json::Value;

use crate::reader::Reader;
use crate::setting::{Options, Setting};

/// A group of settings, each of which may be absent.
pub(crate) trait Section: Clone + Default {
    /// Returns the names of all settings, those of inner sections with their paths.
    fn names() -> Vec<String>;

    /// Reads a field and says whether there is one of this name.
    fn read_field(&mut self, name: &str, value: &Value, reader: &mut Reader<'_>) -> bool;

    /// Takes from the defaults what is absent here.
    fn fill(&mut self, defaults: &Self);

    /// Adds the path of each setting that is not absent.
    fn given(&self, path: &str, found: &mut Vec<String>);

    /// Makes a setting absent. Inner sections in which nothing is left become absent too.
    fn remove(&mut self, path: &str);
}

/// Joins two parts of a path, either of which may be empty.
pub(crate) fn join(path: &str, name: &str) -> String {
    match (path, name) {
        ("", only) | (only, "") => only.to_owned(),
        (path, name) => format!("{path}.{name}"),
    }
}

/// Says whether a path is another one, or lies below it.
pub(crate) fn is_within(path: &str, other: &str) -> bool {
    path.strip_prefix(other)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// Returns the paths of all settings of a section that are not absent.
pub(crate) fn given<S: Section>(section: &S) -> Vec<String> {
    let mut found = Vec::new();
    section.given("", &mut found);
    found
}

/// What a field of a section holds: a value or a section.
pub(crate) trait Part: Clone {
    fn read(value: &Value, reader: &mut Reader<'_>) -> Option<Self>;

    fn fill(own: &mut Option<Self>, default: Option<&Self>) {
        if own.is_none() {
            *own = default.cloned();
        }
    }

    fn names(name: &str) -> Vec<String> {
        vec![name.to_owned()]
    }

    fn given(&self, path: &str, found: &mut Vec<String>) {
        found.push(path.to_owned());
    }

    fn remove(own: &mut Option<Self>, _rest: &str) {
        *own = None;
    }
}

impl<T: Setting + Clone> Part for T {
    fn read(value: &Value, reader: &mut Reader<'_>) -> Option<Self> {
        reader.value(value)
    }
}

impl Part for Options {
    fn read(value: &Value, reader: &mut Reader<'_>) -> Option<Self> {
        reader.options(value)
    }
}

macro_rules! section {
    (
        $(#[$meta:meta])*
        pub struct $name:ident { $($(#[$doc:meta])* $field:ident: $type:ty,)+ }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Debug, Default, PartialEq)]
        #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
        #[cfg_attr(feature = "schema", schemars(deny_unknown_fields))]
        #[non_exhaustive]
        pub struct $name { $($(#[$doc])* pub $field: Option<$type>,)+ }

        impl $crate::section::Section for $name {
            fn names() -> Vec<String> {
                let parts = [$(<$type as $crate::section::Part>::names(stringify!($field)),)+];
                parts.into_iter().flatten().collect()
            }

            fn read_field(
                &mut self,
                name: &str,
                value: &serde_json::Value,
                reader: &mut $crate::reader::Reader<'_>,
            ) -> bool {
                match name {
                    $(stringify!($field) => self.$field = $crate::section::Part::read(value, reader),)+
                    _ => return false,
                }
                true
            }

            fn fill(&mut self, defaults: &Self) {
                $($crate::section::Part::fill(&mut self.$field, defaults.$field.as_ref());)+
            }

            fn given(&self, path: &str, found: &mut Vec<String>) {
                $(if let Some(field) = &self.$field {
                    $crate::section::Part::given(field, &$crate::section::join(path, stringify!($field)), found);
                })+
            }

            fn remove(&mut self, path: &str) {
                let (name, rest) = path.split_once('.').unwrap_or((path, ""));
                match name {
                    $(stringify!($field) => $crate::section::Part::remove(&mut self.$field, rest),)+
                    _ => {}
                }
            }
        }

        impl $crate::section::Part for $name {
            fn read(value: &serde_json::Value, reader: &mut $crate::reader::Reader<'_>) -> Option<Self> {
                Some(reader.section(value))
            }

            fn fill(own: &mut Option<Self>, default: Option<&Self>) {
                if let Some(default) = default {
                    $crate::section::Section::fill(own.get_or_insert_default(), default);
                }
            }

            fn names(name: &str) -> Vec<String> {
                let inner = <Self as $crate::section::Section>::names();
                inner.into_iter().map(|inner| format!("{name}.{inner}")).collect()
            }

            fn given(&self, path: &str, found: &mut Vec<String>) {
                $crate::section::Section::given(self, path, found);
            }

            fn remove(own: &mut Option<Self>, rest: &str) {
                if let Some(section) = own.as_mut().filter(|_| !rest.is_empty()) {
                    $crate::section::Section::remove(section, rest);
                    if !$crate::section::given(section).is_empty() {
                        return;
                    }
                }
                *own = None;
            }
        }
    };
}

pub(crate) use section;
