//! Reads the settings of a backend that a program brings along into a type of its own. Texts are numbers and switches
//! where those are asked for, as everywhere in a configuration; everything wrong is told at once; values are not shown.

use serde::de::value::{MapAccessDeserializer, StringDeserializer};
use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, IntoDeserializer, MapAccess, SeqAccess, Visitor,
};
use serde::forward_to_deserialize_any;
use serde_json::{Map, Value, map};

use crate::section::is_within;
use crate::setting::Options;
use crate::wrong::Wrong;

/// Reads the settings.
///
/// # Errors
/// Each setting that is wrong, by its path below the section.
pub(crate) fn read<T: DeserializeOwned>(options: &Options) -> Result<T, Vec<(String, String)>> {
    let mut values = options.values.clone();
    let mut errors: Vec<(String, String)> = Vec::new();
    let mut filled: Vec<String> = Vec::new();
    loop {
        let wrong = match T::deserialize(Given(Value::Object(values.clone()))) {
            Ok(read) if errors.is_empty() => return Ok(read),
            Ok(_) => return Err(errors),
            Err(wrong) => wrong,
        };
        let path = wrong.path();
        let is_missing = wrong.is_missing();
        let stand_in = filled.iter().find(|filled| is_within(&path, filled)).cloned();
        // What was wrong, and left out for this attempt, is missing because of that; and a stand-in is nobody's setting.
        let is_told = is_missing && errors.iter().any(|(known, _)| is_within(known, &path));
        if !is_told && stand_in.is_none() {
            errors.push((path.clone(), wrong.message(options.is_secret)));
        }
        // Without the setting that is wrong, with a stand-in for one that is missing, or without the section in which that
        // does not do, what is wrong elsewhere is found too.
        let goes_on = match &stand_in {
            None if is_missing => {
                filled.push(path.clone());
                fill(&mut values, &path)
            }
            None => remove(&mut values, &path),
            Some(filled) => {
                let section = filled.rsplit_once('.').map(|(section, _)| section);
                section.is_some_and(|section| remove(&mut values, section))
            }
        };
        if !goes_on {
            return Err(errors);
        }
    }
}

fn remove(values: &mut Map<String, Value>, path: &str) -> bool {
    if values.remove(path).is_some() {
        return true;
    }
    let Some((name, rest)) = path.split_once('.') else {
        return false;
    };
    match values.get_mut(name) {
        Some(Value::Object(inner)) => remove(inner, rest),
        _ => false,
    }
}

/// What stands in for a setting that is missing, so that the reading goes on. It is read as the least of what is asked for.
const STAND_IN: &str = "\0missing";

/// Puts a stand-in where a setting is missing.
fn fill(values: &mut Map<String, Value>, path: &str) -> bool {
    match path.split_once('.') {
        None => values.insert(path.to_owned(), STAND_IN.into()).is_none(),
        Some((name, rest)) => match values.get_mut(name) {
            Some(Value::Object(inner)) => fill(inner, rest),
            _ => false,
        },
    }
}

/// A value that was given.
struct Given(Value);

impl Given {
    fn is_stand_in(&self) -> bool {
        self.0 == STAND_IN
    }
}

/// Reads a text as what was asked for, if it is one.
macro_rules! texts_too {
    ($($method:ident $visit:ident $type:ty,)+) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
            match self.0.as_str().map(|text| text.trim().parse::<$type>()) {
                _ if self.is_stand_in() => visitor.$visit(<$type>::default()),
                Some(Ok(read)) => visitor.$visit(read),
                _ => self.deserialize_any(visitor),
            }
        }
    )+};
}

impl<'de> Deserializer<'de> for Given {
    type Error = Wrong;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        match self.0 {
            Value::Null => visitor.visit_unit(),
            Value::Bool(is_on) => visitor.visit_bool(is_on),
            Value::Number(number) => {
                if let Some(number) = number.as_u64() {
                    visitor.visit_u64(number)
                } else if let Some(number) = number.as_i64() {
                    visitor.visit_i64(number)
                } else {
                    visitor.visit_f64(number.as_f64().unwrap_or(f64::NAN))
                }
            }
            Value::String(text) => visitor.visit_string(text),
            Value::Array(parts) => visitor.visit_seq(Parts(parts.into_iter())),
            Value::Object(fields) => visitor.visit_map(Fields::new(fields)),
        }
    }

    texts_too! {
        deserialize_bool visit_bool bool,
        deserialize_i8 visit_i64 i64,
        deserialize_i16 visit_i64 i64,
        deserialize_i32 visit_i64 i64,
        deserialize_i64 visit_i64 i64,
        deserialize_u8 visit_u64 u64,
        deserialize_u16 visit_u64 u64,
        deserialize_u32 visit_u64 u64,
        deserialize_u64 visit_u64 u64,
        deserialize_f32 visit_f64 f64,
        deserialize_f64 visit_f64 f64,
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        if self.0.is_null() {
            visitor.visit_none()
        } else {
            visitor.visit_some(self)
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Wrong> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        match &self.0 {
            _ if self.is_stand_in() => visitor.visit_seq(Parts(Vec::new().into_iter())),
            Value::String(text) => {
                let parts: Vec<Value> = text.split(',').map(|part| part.trim().into()).collect();
                visitor.visit_seq(Parts(parts.into_iter()))
            }
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Wrong> {
        match self.0 {
            Value::String(word) => visitor.visit_enum(StringDeserializer::new(word)),
            Value::Object(fields) => visitor.visit_enum(MapAccessDeserializer::new(Fields::new(fields))),
            other => Self(other).deserialize_any(visitor),
        }
    }

    forward_to_deserialize_any! {
        i128 u128 char str string bytes byte_buf unit unit_struct tuple tuple_struct map struct identifier ignored_any
    }
}

/// The parts of a list.
struct Parts(std::vec::IntoIter<Value>);

impl<'de> SeqAccess<'de> for Parts {
    type Error = Wrong;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Wrong> {
        self.0
            .next()
            .map(|part| seed.deserialize(Given(part)))
            .transpose()
    }
}

/// The settings of a section. An error in one of them is told with its path.
struct Fields {
    left: map::IntoIter,
    /// The setting whose name was read last, and its value.
    current: Option<(String, Value)>,
}

impl Fields {
    fn new(fields: Map<String, Value>) -> Self {
        Self {
            left: fields.into_iter(),
            current: None,
        }
    }
}

impl<'de> MapAccess<'de> for Fields {
    type Error = Wrong;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Wrong> {
        let Some((name, value)) = self.left.next() else {
            return Ok(None);
        };
        let read = seed.deserialize(name.as_str().into_deserializer());
        let read = read.map_err(|wrong: Wrong| wrong.within(&name))?;
        self.current = Some((name, value));
        Ok(Some(read))
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Wrong> {
        let (name, value) = self.current.take().unwrap_or_default();
        seed.deserialize(Given(value))
            .map_err(|wrong| wrong.within(&name))
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use serde_json::json;

    use super::*;

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(deny_unknown_fields)]
    struct Shelf {
        room: u8,
        locked: Option<bool>,
        #[serde(default)]
        labels: Vec<String>,
        inner: Option<Inner>,
        wood: Option<Wood>,
    }

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(deny_unknown_fields)]
    struct Inner {
        depth: f32,
    }

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(rename_all = "lowercase")]
    enum Wood {
        Oak,
        Stained { colour: String },
    }

    fn shelf(value: Value) -> Result<Shelf, Vec<(String, String)>> {
        let Value::Object(values) = value else {
            unreachable!()
        };
        read(&Options {
            values,
            is_secret: false,
        })
    }

    #[test]
    fn texts_are_numbers_switches_and_lists_too() {
        let texts = json!({
            "room": "3", "locked": "true", "labels": "a, b", "inner": { "depth": "1.5" }, "wood": "oak",
        });
        let plain = json!({ "room": 3, "locked": true, "labels": ["a", "b"], "inner": { "depth": 1.5 }, "wood": "oak" });
        let read = shelf(texts).unwrap();
        assert_eq!(Ok(&read), shelf(plain).as_ref());
        assert_eq!(
            (read.room, read.locked, read.wood),
            (3, Some(true), Some(Wood::Oak))
        );
        let stained = shelf(json!({ "room": 1, "wood": { "stained": { "colour": "red" } } })).unwrap();
        assert!(matches!(stained.wood, Some(Wood::Stained { colour }) if colour == "red"));
    }

    #[test]
    fn everything_wrong_is_told_with_its_path_and_without_the_value() {
        let wrong = shelf(json!({
            "room": "canary", "locked": [], "lables": "canary", "inner": { "depht": 1, "depth": "canary" },
            "wood": "canary",
        }))
        .unwrap_err();
        let paths: Vec<_> = wrong.iter().map(|(path, _)| path.as_str()).collect();
        let expected = ["inner.depht", "inner.depth", "lables", "locked", "room", "wood"];
        let mut sorted = paths.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, expected, "{wrong:?}");
        assert!(!format!("{wrong:?}").contains("canary"), "{wrong:?}");
    }

    #[test]
    fn everything_that_is_missing_is_told_at_once() {
        #[derive(Debug, Deserialize)]
        struct House {
            #[expect(dead_code, reason = "it is never read")]
            rooms: u8,
            #[expect(dead_code, reason = "it is never read")]
            name: String,
            #[expect(dead_code, reason = "it is never read")]
            doors: Vec<u8>,
            #[expect(dead_code, reason = "it is never read")]
            shelf: Shelf,
            #[expect(dead_code, reason = "it is never read")]
            wood: Wood,
            #[expect(dead_code, reason = "it is never read")]
            open: bool,
        }

        let paths = |values: Value| {
            let Value::Object(values) = values else {
                unreachable!()
            };
            let is_secret = false;
            let wrong = read::<House>(&Options { values, is_secret }).unwrap_err();
            wrong.into_iter().map(|(path, _)| path).collect::<Vec<_>>()
        };
        // A section has no stand-in, so what comes after one that is missing is told when it is there.
        assert_eq!(paths(json!({})), ["rooms", "name", "doors", "shelf"]);
        let given = json!({ "shelf": { "inner": {} }, "open": "ajar" });
        let mut told = paths(given);
        told.sort_unstable();
        assert_eq!(
            told,
            [
                "doors",
                "name",
                "open",
                "rooms",
                "shelf.inner.depth",
                "shelf.room",
                "wood"
            ]
        );
    }

    #[test]
    fn what_is_missing_is_told_and_not_twice() {
        let missing = shelf(json!({})).unwrap_err();
        assert_eq!(missing, [("room".to_owned(), "is missing; give it".to_owned())]);
        assert_eq!(shelf(json!({ "room": 300 })).unwrap_err().len(), 1);
    }
}
