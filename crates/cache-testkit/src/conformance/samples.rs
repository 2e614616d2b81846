//! Types of values that the cases store.

use std::collections::BTreeMap;

use serde::de::Error as _;
use serde::ser::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A value with the parts that a codec may stumble over.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Order {
    pub(super) id: u64,
    pub(super) note: Option<String>,
    pub(super) state: State,
    pub(super) lines: Vec<(String, u32)>,
    pub(super) labels: BTreeMap<String, Vec<bool>>,
    pub(super) parent: Option<Box<Order>>,
}

/// One variant of each form.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum State {
    New,
    Paid(u64),
    Sent(String, i32),
    Returned { reason: String, at: Option<u64> },
}

impl Order {
    pub(super) fn sample(state: State) -> Self {
        Self {
            id: u64::MAX,
            note: Some("zwölf\n\"Boxkämpfer\"".to_owned()),
            state,
            lines: vec![("tea".to_owned(), 3), (String::new(), 0)],
            labels: BTreeMap::from([(String::new(), vec![]), ("a.b c".to_owned(), vec![true, false])]),
            parent: Some(Box::new(Self {
                id: 0,
                note: None,
                state: State::New,
                lines: vec![],
                labels: BTreeMap::new(),
                parent: None,
            })),
        }
    }
}

/// A type as it was when values of it were stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Earlier {
    pub(super) name: String,
}

/// The type as it is now, with a field more.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Later {
    pub(super) name: String,
    #[serde(default)]
    pub(super) age: u32,
}

/// A value that no codec can encode.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Unencodable;

impl Serialize for Unencodable {
    fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(S::Error::custom("this value refuses to be encoded"))
    }
}

impl<'de> Deserialize<'de> for Unencodable {
    fn deserialize<D: Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        Err(D::Error::custom("this value refuses to be decoded"))
    }
}
