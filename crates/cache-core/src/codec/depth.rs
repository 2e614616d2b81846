//! A limit on how deeply a decoded value may nest.
//!
//! Decoding a recursive type recurses as deeply as the bytes say, and a stack overflow is not an error that a
//! caller could handle: it aborts the process. Stored bytes can be damaged or hostile, so they must not be
//! able to do that, and the formats do not see to it by themselves:
//!
//! * `serde_json` refuses more than 128 nested arrays and objects on its own, but counts neither `Option` nor
//!   a newtype.
//! * `postcard` has no limit at all. One byte per level is enough, so a megabyte is a million levels.
//! * `rmp-serde` counts arrays, maps and extensions (at most 1023), but neither the content of an enum
//!   variant nor `Option` nor a newtype. A recursive enum bypasses the limit, and a type such as
//!   `struct Node(Option<Box<Node>>)` recurses without end on one single byte, because neither of its layers
//!   consumes any (in JSON too).
//!
//! [`deserialize`] therefore puts a [`Guard`] around all that passes between the format and the type. Each
//! sequence, tuple, map, struct, newtype struct, `Some` and content of an enum variant takes one level, and
//! one level too many is an ordinary error of the format.
//!
//! # Why nothing recurses past the guard
//!
//! Checked in the sources of `postcard` 1.1.3 and `rmp-serde` 1.3.1. Neither decodes a nested value by
//! itself: each reads one header and then hands a nested deserializer or an access to a visitor or a seed,
//! and here each of those is a guard. That holds as well for the small deserializers they hand out besides
//! their own (the variant index of `postcard`; binary data as a sequence and extensions of `rmp-serde`).
//! Neither skips a value by itself either: `postcard` refuses `deserialize_ignored_any`, and `rmp-serde`
//! treats it as `deserialize_any`, so that serde's `IgnoredAny` walks the skipped value through the guard.
//! What a visitor leaves unread in a sequence or a map is an error of `rmp-serde`, not something it skips.
//!
//! For an untagged or internally tagged enum and for `#[serde(flatten)]`, serde first reads the value into a
//! buffer, which is guarded, and then decodes out of the buffer, which is not. The second step goes no deeper
//! than the buffer, with one exception: a type like the `Node` above reads the same buffered value again and
//! again. Inside of such an enum it overflows in every self-describing format, and no deserializer can
//! prevent that.

use std::cell::Cell;
use std::fmt;

use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, EnumAccess, Error, MapAccess, SeqAccess, VariantAccess,
    Visitor,
};

/// Decodes a value that may nest at most `max_depth` levels, a scalar none, and have at most `max_elements` elements
/// and keys in all.
///
/// The second limit is for formats whose elements may take no bytes, as those of a `Vec<()>` in postcard: a few
/// hostile bytes can claim any number of them, and to count or to store them all would take for ever.
pub(crate) fn deserialize<'de, T, D>(
    deserializer: D,
    max_depth: u32,
    max_elements: u64,
) -> Result<T, D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    let elements = Cell::new(max_elements);
    T::deserialize(
        Level {
            depth: 0,
            max: max_depth,
            elements: &elements,
        }
        .guard(deserializer),
    )
}

/// How many levels enclose the current value, how many may, and how many elements may still come anywhere in it.
#[derive(Clone, Copy)]
struct Level<'l> {
    depth: u32,
    max: u32,
    elements: &'l Cell<u64>,
}

impl<'l> Level<'l> {
    fn guard<T>(self, inner: T) -> Guard<'l, T> {
        Guard { inner, level: self }
    }

    fn below(self) -> Self {
        Self {
            depth: self.depth.saturating_add(1),
            ..self
        }
    }

    fn check<E: Error>(self) -> Result<Self, E> {
        if self.depth > self.max {
            return Err(E::custom(format_args!("nested deeper than {} levels", self.max)));
        }
        Ok(self)
    }

    /// Guards what lies one level further down.
    fn enter<T, E: Error>(self, inner: T) -> Result<Guard<'l, T>, E> {
        Ok(self.below().check()?.guard(inner))
    }

    /// Takes an element from those that may still come.
    fn take_element<E: Error>(self) -> Result<(), E> {
        let left = self.elements.get().checked_sub(1);
        self.elements
            .set(left.ok_or_else(|| E::custom("more elements than its bytes can hold"))?);
        Ok(())
    }
}

/// One of the two sides of decoding, with the level it is at.
///
/// One type stands for all of serde's roles: it forwards each call, and guards what it passes on. A guard
/// never wraps a guard; otherwise the compiler would instantiate a recursive type without end. The methods
/// that serde hides for itself are not forwarded: only serde's own buffers implement them, and those are
/// never wrapped.
struct Guard<'l, T> {
    inner: T,
    level: Level<'l>,
}

macro_rules! forward_deserialize {
    ($($method:ident($($arg:ident: $type:ty),*);)*) => {$(
        fn $method<V: Visitor<'de>>(self, $($arg: $type,)* visitor: V) -> Result<V::Value, D::Error> {
            self.inner.$method($($arg,)* self.level.guard(visitor))
        }
    )*};
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Guard<'_, D> {
    type Error = D::Error;

    forward_deserialize! {
        deserialize_any(); deserialize_ignored_any(); deserialize_identifier();
        deserialize_bool(); deserialize_char(); deserialize_f32(); deserialize_f64();
        deserialize_i8(); deserialize_i16(); deserialize_i32(); deserialize_i64(); deserialize_i128();
        deserialize_u8(); deserialize_u16(); deserialize_u32(); deserialize_u64(); deserialize_u128();
        deserialize_str(); deserialize_string(); deserialize_bytes(); deserialize_byte_buf();
        deserialize_option(); deserialize_unit(); deserialize_seq(); deserialize_map();
        deserialize_tuple(len: usize);
        deserialize_unit_struct(name: &'static str);
        deserialize_newtype_struct(name: &'static str);
        deserialize_tuple_struct(name: &'static str, len: usize);
        deserialize_struct(name: &'static str, fields: &'static [&'static str]);
        deserialize_enum(name: &'static str, variants: &'static [&'static str]);
    }

    fn is_human_readable(&self) -> bool {
        self.inner.is_human_readable()
    }
}

macro_rules! forward_visit {
    (
        scalar { $($scalar:ident($($value:ident: $type:ty)?);)* }
        nested { $($nested:ident($role:ident);)* }
    ) => {
        $(fn $scalar<E: Error>(self, $($value: $type)?) -> Result<V::Value, E> {
            self.inner.$scalar($($value)?)
        })*
        $(fn $nested<A: $role<'de>>(self, nested: A) -> Result<V::Value, A::Error> {
            self.inner.$nested(self.level.enter(nested)?)
        })*
    };
}

impl<'de, V: Visitor<'de>> Visitor<'de> for Guard<'_, V> {
    type Value = V::Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.expecting(formatter)
    }

    forward_visit! {
        scalar {
            visit_none(); visit_unit(); visit_bool(value: bool); visit_char(value: char);
            visit_i8(value: i8); visit_i16(value: i16); visit_i32(value: i32); visit_i64(value: i64);
            visit_u8(value: u8); visit_u16(value: u16); visit_u32(value: u32); visit_u64(value: u64);
            visit_i128(value: i128); visit_u128(value: u128); visit_f32(value: f32); visit_f64(value: f64);
            visit_str(value: &str); visit_borrowed_str(value: &'de str); visit_string(value: String);
            visit_bytes(value: &[u8]); visit_borrowed_bytes(value: &'de [u8]); visit_byte_buf(value: Vec<u8>);
        }
        nested {
            visit_some(Deserializer); visit_newtype_struct(Deserializer);
            visit_seq(SeqAccess); visit_map(MapAccess);
        }
    }

    fn visit_enum<A: EnumAccess<'de>>(self, data: A) -> Result<V::Value, A::Error> {
        // The content takes the level, so a unit variant takes none. This check only ends an enum that is
        // read as the tag of an enum.
        self.inner.visit_enum(self.level.check()?.guard(data))
    }
}

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for Guard<'_, S> {
    type Value = S::Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<S::Value, D::Error> {
        self.inner.deserialize(self.level.guard(deserializer))
    }
}

impl<'de, A: SeqAccess<'de>> SeqAccess<'de> for Guard<'_, A> {
    type Error = A::Error;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, A::Error> {
        self.level.take_element()?;
        self.inner.next_element_seed(self.level.guard(seed))
    }

    fn size_hint(&self) -> Option<usize> {
        self.inner.size_hint()
    }
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Guard<'_, A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, A::Error> {
        self.level.take_element()?;
        self.inner.next_key_seed(self.level.guard(seed))
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, A::Error> {
        self.inner.next_value_seed(self.level.guard(seed))
    }

    fn next_entry_seed<K: DeserializeSeed<'de>, V: DeserializeSeed<'de>>(
        &mut self,
        key: K,
        value: V,
    ) -> Result<Option<(K::Value, V::Value)>, A::Error> {
        self.level.take_element()?;
        self.inner
            .next_entry_seed(self.level.guard(key), self.level.guard(value))
    }

    fn size_hint(&self) -> Option<usize> {
        self.inner.size_hint()
    }
}

impl<'de, 'l, A: EnumAccess<'de>> EnumAccess<'de> for Guard<'l, A> {
    type Error = A::Error;
    type Variant = Guard<'l, A::Variant>;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self::Variant), A::Error> {
        // The tag lies a level down as well. It is nearly always a scalar, which must not fail at the limit,
        // so the level is checked only when the tag in turn contains something.
        let (value, variant) = self.inner.variant_seed(self.level.below().guard(seed))?;
        Ok((value, self.level.guard(variant)))
    }
}

impl<'de, A: VariantAccess<'de>> VariantAccess<'de> for Guard<'_, A> {
    type Error = A::Error;

    fn unit_variant(self) -> Result<(), A::Error> {
        self.inner.unit_variant()
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, A::Error> {
        self.inner.newtype_variant_seed(self.level.enter(seed)?)
    }

    // The fields of the other two arrive as a sequence or a map, and that takes the level.

    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, A::Error> {
        self.inner.tuple_variant(len, self.level.guard(visitor))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, A::Error> {
        self.inner.struct_variant(fields, self.level.guard(visitor))
    }
}

#[cfg(test)]
#[cfg(all(feature = "postcard", feature = "message-pack"))]
mod tests {
    use std::collections::BTreeMap;
    use std::fmt;
    use std::thread;

    use proptest::prelude::*;
    use serde::de::value::Error as Plain;
    use serde::de::{DeserializeOwned, EnumAccess, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::{Level, deserialize};

    // In an unoptimized build a level takes up to 5 KiB of stack here, in an optimized one less than 1 KiB.
    const MAX: u32 = 64;
    const TOO_DEEP: &str = "nested deeper than 64 levels";
    const HOSTILE_BYTES: usize = 1024 * 1024;

    /// Decodes with a limit, and without the guard if there is none.
    macro_rules! decode {
        ($deserializer:expr, $max:expr) => {{
            let mut deserializer = $deserializer;
            let decoded = match $max {
                Some(max) => deserialize(&mut deserializer, max, u64::MAX),
                None => T::deserialize(&mut deserializer),
            };
            decoded.map_err(|error| error.to_string())
        }};
    }

    type Decoded<T> = Result<T, String>;

    fn from_json<'de, T: Deserialize<'de>>(bytes: &'de [u8], max: Option<u32>) -> Decoded<T> {
        decode!(serde_json::Deserializer::from_slice(bytes), max)
    }

    fn from_postcard<'de, T: Deserialize<'de>>(bytes: &'de [u8], max: Option<u32>) -> Decoded<T> {
        decode!(postcard::Deserializer::from_bytes(bytes), max)
    }

    fn from_message_pack<'de, T: Deserialize<'de>>(bytes: &'de [u8], max: Option<u32>) -> Decoded<T> {
        decode!(rmp_serde::Deserializer::from_read_ref(bytes), max)
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Node(Option<Box<Node>>);

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    enum Tree {
        Leaf,
        Node(Box<Tree>),
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct V(Vec<V>);

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct M(BTreeMap<String, M>);

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Fields {
        next: Option<Box<Fields>>,
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    enum Kinds {
        Unit,
        Tuple(u8, Box<Kinds>),
        Struct { next: Box<Kinds> },
    }

    /// Reads its own tag as itself, which no derived enum does: the one way down that passes no content.
    #[derive(Debug)]
    struct TagInTag;

    impl<'de> Deserialize<'de> for TagInTag {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            struct Tag;
            impl<'de> Visitor<'de> for Tag {
                type Value = TagInTag;
                fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                    formatter.write_str("a tag in a tag")
                }
                fn visit_enum<A: EnumAccess<'de>>(self, data: A) -> Result<TagInTag, A::Error> {
                    Ok(data.variant::<TagInTag>()?.0)
                }
            }
            deserializer.deserialize_enum("TagInTag", &[], Tag)
        }
    }

    /// A map whose keys are such maps again, read by the calls for a key alone instead of those for an entry.
    #[derive(Debug)]
    struct KeyInKey;

    impl<'de> Deserialize<'de> for KeyInKey {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            struct Keys;
            impl<'de> Visitor<'de> for Keys {
                type Value = KeyInKey;
                fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                    formatter.write_str("a key in a key")
                }
                fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<KeyInKey, A::Error> {
                    while map.next_key::<KeyInKey>()?.is_some() {
                        map.next_value::<KeyInKey>()?;
                    }
                    Ok(KeyInKey)
                }
            }
            deserializer.deserialize_map(Keys)
        }
    }

    /// A stack overflow aborts the whole test process, so that the decoder returns at all is the proof. The
    /// stack is a quarter of what a thread usually gets.
    fn on_a_small_stack(test: impl FnOnce() + Send + 'static) {
        thread::Builder::new()
            .stack_size(512 * 1024)
            .spawn(test)
            .unwrap()
            .join()
            .unwrap();
    }

    fn repeated(pattern: &[u8]) -> Vec<u8> {
        pattern.iter().copied().cycle().take(HOSTILE_BYTES).collect()
    }

    #[test]
    fn hostile_postcard_bytes_are_an_error() {
        fn check<T: DeserializeOwned + fmt::Debug>(pattern: &[u8]) {
            let bytes = repeated(pattern);
            // This error does not keep the text, so that it is the one for custom texts has to do.
            let custom = <postcard::Error as Error>::custom(TOO_DEEP).to_string();
            assert_eq!(from_postcard::<T>(&bytes, Some(MAX)).unwrap_err(), custom);
        }
        on_a_small_stack(|| {
            check::<Node>(&[1]);
            check::<Tree>(&[1]);
            check::<V>(&[1]);
            check::<M>(&[1]);
            check::<Fields>(&[1]);
            check::<Kinds>(&[1]);
            check::<Kinds>(&[2]);
            check::<Doc>(&[3, 1]);
            check::<TagInTag>(&[1]);
            check::<KeyInKey>(&[1]);
        });
    }

    #[test]
    fn hostile_message_pack_bytes_are_an_error() {
        fn check<T: DeserializeOwned + fmt::Debug>(pattern: &[u8]) {
            let error = from_message_pack::<T>(&repeated(pattern), Some(MAX)).unwrap_err();
            assert_eq!(error, TOO_DEEP);
        }
        on_a_small_stack(|| {
            for pattern in [
                &[0x91][..],
                b"\x81\xa1k",
                b"\x81",
                b"\x91\x81\xa1k",
                b"\xdd\0\0\0\x01",
                b"\x01",
            ] {
                check::<Node>(pattern);
            }
            check::<Tree>(b"\x81\xa4Node");
            check::<V>(b"\x91");
            check::<V>(b"\xdc\0\x01");
            check::<M>(b"\x81\xa1k");
            check::<M>(b"\xdf\0\0\0\x01\xd9\x01k");
            check::<Fields>(b"\x91");
            check::<Fields>(b"\x81\xa4next");
            check::<Kinds>(b"\x81\xa5Tuple\x92\x07");
            check::<Kinds>(b"\x81\xa6Struct\x91");
            check::<Doc>(b"\x81\xa4List\x91");
            check::<KeyInKey>(b"\x81");
            check::<TagInTag>(b"\x81");
            check::<TagInTag>(b"\x01");
            // A pattern that the type cannot have is refused for that, and before it nests.
            assert!(from_message_pack::<Tree>(&repeated(b"\x91"), Some(MAX)).is_err());
            assert!(from_message_pack::<V>(&repeated(b"\x81\xa1k"), Some(MAX)).is_err());
        });
    }

    #[test]
    fn skipped_message_pack_values_are_limited() {
        #[derive(Debug, Serialize, Deserialize)]
        struct Known {
            known: u8,
        }
        on_a_small_stack(|| {
            for pattern in [
                &b"\x91"[..],
                b"\x81",
                b"\x81\xa1k",
                b"\x81\x91",
                b"\xdd\0\0\0\x01",
            ] {
                let skipped = repeated(pattern);
                assert_eq!(
                    from_message_pack::<IgnoredAny>(&skipped, Some(MAX)).unwrap_err(),
                    TOO_DEEP
                );
                let field = [b"\x82\xa7unknown", &skipped[..]].concat();
                assert_eq!(
                    from_message_pack::<Known>(&field, Some(MAX)).unwrap_err(),
                    TOO_DEEP
                );
            }
        });
        let field = b"\x82\xa7unknown\x91\x91\x01\xa5known\x07";
        assert_eq!(from_message_pack::<Known>(field, Some(3)).unwrap().known, 7);
        assert!(from_message_pack::<Known>(field, Some(2)).is_err());
    }

    #[test]
    fn hostile_json_is_an_error() {
        fn check<T: DeserializeOwned + fmt::Debug>(pattern: &[u8]) {
            let error = from_json::<T>(&repeated(pattern), Some(MAX)).unwrap_err();
            assert!(error.contains(TOO_DEEP), "{error}");
        }
        on_a_small_stack(|| {
            check::<V>(b"[");
            check::<M>(b"{\"k\":");
            check::<Tree>(b"{\"Node\":");
            check::<Fields>(b"{\"next\":");
            // Neither of these two layers counts for serde_json's own limit.
            check::<Node>(b"1 ");
        });
    }

    /// The value decodes with exactly so many levels, and with one less it does not.
    macro_rules! assert_takes {
        ($levels:expr, $decode:ident, $type:ty, $bytes:expr) => {{
            let (levels, bytes): (u32, &[u8]) = ($levels, $bytes);
            let unguarded = $decode::<$type>(bytes, None);
            assert!(unguarded.is_ok(), "{unguarded:?}");
            assert_eq!($decode::<$type>(bytes, Some(levels)), unguarded);
            if let Some(less) = levels.checked_sub(1) {
                assert!(
                    $decode::<$type>(bytes, Some(less)).is_err(),
                    "{less} levels were enough"
                );
            }
        }};
    }

    #[test]
    fn postcard_decodes_exactly_up_to_the_limit() {
        for n in [0_u8, 1, 2, 30] {
            let ones = vec![1; usize::from(n)];
            let (one_each, two_each) = (u32::from(n), 2 * (u32::from(n) + 1));
            let deep = [&ones[..], &[0]].concat();
            assert_takes!(one_each, from_postcard, Tree, &deep);
            // The last newtype has no `Some` in it, but the last sequence is one without elements.
            assert_takes!(two_each - 1, from_postcard, Node, &deep);
            assert_takes!(two_each, from_postcard, V, &deep);
            assert_takes!(
                two_each,
                from_postcard,
                M,
                &[&b"\x01\x01k".repeat(n.into())[..], &[0]].concat()
            );
            assert_takes!(two_each - 1, from_postcard, Fields, &deep);
            assert_takes!(
                one_each,
                from_postcard,
                Kinds,
                &[&b"\x01\x07".repeat(n.into())[..], &[0]].concat()
            );
            assert_takes!(
                one_each,
                from_postcard,
                Kinds,
                &[&b"\x02".repeat(n.into())[..], &[0]].concat()
            );
        }
        assert_takes!(0, from_postcard, u32, &[5]);
        assert_takes!(0, from_postcard, Option<u32>, &[0]);
        assert_takes!(1, from_postcard, Option<u32>, &[1, 5]);
        assert_takes!(1, from_postcard, (u8, u8), &[1, 5]);
        assert_takes!(2, from_postcard, Vec<Tree>, &[1, 1, 0]);
    }

    #[test]
    fn message_pack_decodes_exactly_up_to_the_limit() {
        for n in [0_u8, 1, 2, 30] {
            let (one_each, two_each) = (u32::from(n), 2 * (u32::from(n) + 1));
            let nested = |pattern: &[u8], end: &[u8]| [&pattern.repeat(n.into())[..], end].concat();
            assert_takes!(
                one_each,
                from_message_pack,
                Tree,
                &nested(b"\x81\xa4Node", b"\xa4Leaf")
            );
            assert_takes!(two_each, from_message_pack, V, &nested(b"\x91", b"\x90"));
            assert_takes!(two_each, from_message_pack, M, &nested(b"\x81\xa1k", b"\x80"));
            assert_takes!(
                two_each - 1,
                from_message_pack,
                Fields,
                &nested(b"\x91", b"\x91\xc0")
            );
            assert_takes!(
                two_each - 1,
                from_message_pack,
                Fields,
                &nested(b"\x81\xa4next", b"\x81\xa4next\xc0")
            );
            assert_takes!(
                one_each,
                from_message_pack,
                Kinds,
                &nested(b"\x81\xa5Tuple\x92\x07", b"\xa4Unit")
            );
            assert_takes!(
                one_each,
                from_message_pack,
                Kinds,
                &nested(b"\x81\xa6Struct\x91", b"\xa4Unit")
            );
            assert_takes!(one_each, from_message_pack, IgnoredAny, &nested(b"\x91", b"\xc0"));
        }
        // This is the only value of the type that MessagePack can tell from the others.
        assert_takes!(1, from_message_pack, Node, b"\xc0");
        assert_takes!(0, from_message_pack, u32, &[5]);
        assert_takes!(1, from_message_pack, Option<u32>, &[5]);
        assert_takes!(1, from_message_pack, (u8, u8), b"\x92\x01\x05");
        assert_takes!(2, from_message_pack, Vec<Tree>, b"\x91\x81\xa4Node\xa4Leaf");
    }

    /// A document of every shape that nests, with the number of levels it takes.
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    enum Doc {
        Null,
        Number(i64),
        Text(String),
        List(Vec<Doc>),
        Map(BTreeMap<String, Doc>),
        Maybe(Option<Box<Doc>>),
        Pair(Box<Doc>, Box<Doc>),
        Named { inner: Box<Doc> },
    }

    impl Doc {
        fn levels(&self) -> u32 {
            let deepest = |docs: &mut dyn Iterator<Item = &Doc>| docs.map(Doc::levels).max().unwrap_or(0);
            match self {
                Self::Null => 0,
                Self::Number(_) | Self::Text(_) | Self::Maybe(None) => 1,
                Self::List(docs) => 2 + deepest(&mut docs.iter()),
                Self::Map(docs) => 2 + deepest(&mut docs.values()),
                Self::Maybe(Some(doc)) => 2 + doc.levels(),
                Self::Pair(first, second) => 1 + first.levels().max(second.levels()),
                Self::Named { inner } => 1 + inner.levels(),
            }
        }
    }

    fn any_doc() -> impl Strategy<Value = Doc> {
        let leaf = prop_oneof![
            Just(Doc::Null),
            any::<i64>().prop_map(Doc::Number),
            ".{0,8}".prop_map(Doc::Text),
            Just(Doc::Maybe(None)),
        ];
        leaf.prop_recursive(6, 48, 4, |inner| {
            let boxed = inner.clone().prop_map(Box::new);
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Doc::List),
                prop::collection::btree_map("[a-z]{0,3}", inner, 0..4).prop_map(Doc::Map),
                boxed.clone().prop_map(|doc| Doc::Maybe(Some(doc))),
                (boxed.clone(), boxed.clone()).prop_map(|(first, second)| Doc::Pair(first, second)),
                boxed.prop_map(|inner| Doc::Named { inner }),
            ]
        })
    }

    /// Bytes as the formats store them, which the standard library's own types do not do.
    #[derive(Clone, Debug, PartialEq)]
    struct Blob(Vec<u8>);

    impl Serialize for Blob {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.serialize_bytes(&self.0)
        }
    }

    impl<'de> Deserialize<'de> for Blob {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            struct Bytes;
            impl Visitor<'_> for Bytes {
                type Value = Blob;
                fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                    formatter.write_str("some bytes")
                }
                fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Blob, E> {
                    Ok(Blob(bytes.to_vec()))
                }
            }
            deserializer.deserialize_byte_buf(Bytes)
        }
    }

    fn borrowed_as_bytes<S: Serializer>(bytes: &&[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(bytes)
    }

    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    struct Unit;

    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    struct Newtype(u16);

    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    struct TupleStruct(i8, String);

    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    enum Variant {
        Unit,
        Newtype(Newtype),
        Tuple(u8, Option<bool>),
        Struct { left: i32, right: TupleStruct },
    }

    /// Every kind of serde's data model.
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Everything<'a> {
        truth: bool,
        letter: char,
        signed: (i8, i16, i32, i64, i128),
        unsigned: (u8, u16, u32, u64, u128),
        floats: [f64; 2],
        single: f32,
        owned: String,
        borrowed: &'a str,
        nothing: (),
        unit: Unit,
        tuple: TupleStruct,
        option: Option<Newtype>,
        variants: Vec<Variant>,
        map: BTreeMap<i16, Option<String>>,
        blob: Blob,
        #[serde(serialize_with = "borrowed_as_bytes")]
        slice: &'a [u8],
        ip: std::net::IpAddr,
    }

    fn any_variant() -> impl Strategy<Value = Variant> {
        prop_oneof![
            Just(Variant::Unit),
            any::<u16>().prop_map(|number| Variant::Newtype(Newtype(number))),
            any::<(u8, Option<bool>)>().prop_map(|(number, truth)| Variant::Tuple(number, truth)),
            (any::<i32>(), any::<i8>(), ".{0,8}").prop_map(|(left, number, text)| Variant::Struct {
                left,
                right: TupleStruct(number, text)
            }),
        ]
    }

    prop_compose! {
        /// The text and the bytes that the borrowing fields refer to have to live outside of the value.
        fn any_parts()(
            scalars in any::<(bool, char, f64, f32, Option<u16>, std::net::IpAddr)>(),
            signed in any::<(i8, i16, i32, i64, i128)>(),
            unsigned in any::<(u8, u16, u32, u64, u128)>(),
            text in ".{0,40}",
            bytes in prop::collection::vec(any::<u8>(), 0..40),
            variants in prop::collection::vec(any_variant(), 0..4),
            map in prop::collection::btree_map(any::<i16>(), prop::option::of("[a-z]{0,4}"), 0..4),
        ) -> Parts {
            Parts { scalars, signed, unsigned, text, bytes, variants, map }
        }
    }

    #[derive(Debug)]
    struct Parts {
        scalars: (bool, char, f64, f32, Option<u16>, std::net::IpAddr),
        signed: (i8, i16, i32, i64, i128),
        unsigned: (u8, u16, u32, u64, u128),
        text: String,
        bytes: Vec<u8>,
        variants: Vec<Variant>,
        map: BTreeMap<i16, Option<String>>,
    }

    impl Parts {
        fn value(&self) -> Everything<'_> {
            let (truth, letter, float, single, option, ip) = self.scalars;
            Everything {
                truth,
                letter,
                signed: self.signed,
                unsigned: self.unsigned,
                floats: [float, -0.5],
                single,
                owned: self.text.clone(),
                borrowed: &self.text,
                nothing: (),
                unit: Unit,
                tuple: TupleStruct(self.signed.0, self.text.clone()),
                option: option.map(Newtype),
                variants: self.variants.clone(),
                map: self.map.clone(),
                blob: Blob(self.bytes.clone()),
                slice: &self.bytes,
                ip,
            }
        }
    }

    proptest! {
        #[test]
        fn postcard_decodes_the_same_with_the_guard(parts in any_parts(), doc in any_doc()) {
            let bytes = postcard::to_allocvec(&parts.value()).unwrap();
            prop_assert_eq!(from_postcard(&bytes, None), Ok(parts.value()));
            prop_assert_eq!(from_postcard(&bytes, Some(MAX)), Ok(parts.value()));

            let bytes = postcard::to_allocvec(&doc).unwrap();
            assert_takes!(doc.levels(), from_postcard, Doc, &bytes);
        }

        #[test]
        fn message_pack_decodes_the_same_with_the_guard(parts in any_parts(), doc in any_doc()) {
            let bytes = rmp_serde::to_vec(&parts.value()).unwrap();
            prop_assert_eq!(from_message_pack(&bytes, None), Ok(parts.value()));
            prop_assert_eq!(from_message_pack(&bytes, Some(MAX)), Ok(parts.value()));
            let bytes = rmp_serde::to_vec_named(&parts.value()).unwrap();
            prop_assert_eq!(from_message_pack(&bytes, Some(MAX)), Ok(parts.value()));

            assert_takes!(doc.levels(), from_message_pack, Doc, &rmp_serde::to_vec(&doc).unwrap());
            assert_takes!(doc.levels(), from_message_pack, Doc, &rmp_serde::to_vec_named(&doc).unwrap());
        }

        #[test]
        fn json_decodes_the_same_with_the_guard(doc in any_doc()) {
            assert_takes!(doc.levels(), from_json, Doc, &serde_json::to_vec(&doc).unwrap());
        }

        /// Wrong bytes must give the same error too, so that no message gets lost in the guard.
        #[test]
        fn arbitrary_bytes_decode_the_same_with_the_guard(
            parts in any_parts(),
            noise in prop::collection::vec(any::<u8>(), 0..64),
            at in any::<prop::sample::Index>(),
        ) {
            macro_rules! check {
                ($decode:ident, $bytes:expr) => {{
                    let mut bytes = $bytes;
                    let byte = at.index(bytes.len());
                    bytes[byte] = noise.first().copied().unwrap_or(0);
                    // A changed byte can make a float NaN, which equals nothing, so the texts are compared.
                    let unguarded = format!("{:?}", $decode::<Everything<'_>>(&bytes, None));
                    let guarded = format!("{:?}", $decode::<Everything<'_>>(&bytes, Some(MAX)));
                    prop_assert_eq!(guarded, unguarded);
                    let unguarded = $decode::<Doc>(&noise, None);
                    prop_assert_eq!($decode(&noise, Some(MAX)), unguarded);
                }};
            }
            check!(from_postcard, postcard::to_allocvec(&parts.value()).unwrap());
            check!(from_message_pack, rmp_serde::to_vec(&parts.value()).unwrap());
            check!(from_message_pack, rmp_serde::to_vec_named(&parts.value()).unwrap());
            check!(from_json, serde_json::to_vec(&parts.value()).unwrap());
        }
    }

    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    #[serde(tag = "kind")]
    enum Internal {
        Unit,
        Newtype(Inner),
        Struct {
            list: Vec<Inner>,
            map: BTreeMap<String, i64>,
        },
    }

    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    #[serde(tag = "kind", content = "content")]
    enum Adjacent {
        Unit,
        Newtype(Inner),
        Tuple(i64, Inner),
        Struct { inner: Inner },
    }

    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    #[serde(untagged)]
    enum Untagged {
        Number(i64),
        Truth(bool),
        Text(String),
        List(Vec<Untagged>),
        Inner(Inner),
        Map(BTreeMap<String, Untagged>),
    }

    #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
    struct Inner {
        id: u32,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        note: Option<String>,
    }

    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    struct Flat {
        name: String,
        #[serde(flatten)]
        inner: Inner,
        #[serde(flatten)]
        rest: BTreeMap<String, Untagged>,
    }

    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    #[serde(default)]
    struct Attributes {
        #[serde(rename = "n", alias = "number")]
        number: u8,
        missing: Option<Box<Attributes>>,
        internal: Internal,
        adjacent: Vec<Adjacent>,
        untagged: Untagged,
        flat: Option<Flat>,
        #[serde(skip)]
        skipped: u8,
    }

    impl Default for Attributes {
        fn default() -> Self {
            Self {
                number: 9,
                missing: None,
                internal: Internal::Unit,
                adjacent: Vec::new(),
                untagged: Untagged::Truth(true),
                flat: None,
                skipped: 3,
            }
        }
    }

    fn attributes() -> Attributes {
        let inner = Inner {
            id: 4,
            note: Some("note".to_owned()),
        };
        let texts = Untagged::List(vec![Untagged::Text("a".to_owned()), Untagged::Number(-1)]);
        let untagged = Untagged::Map(BTreeMap::from([("list".to_owned(), texts)]));
        Attributes {
            number: 5,
            missing: Some(Box::default()),
            internal: Internal::Struct {
                list: vec![inner.clone(), Inner::default()],
                map: BTreeMap::from([("key".to_owned(), 1)]),
            },
            adjacent: vec![
                Adjacent::Unit,
                Adjacent::Newtype(inner.clone()),
                Adjacent::Tuple(1, inner.clone()),
                Adjacent::Struct { inner: inner.clone() },
            ],
            flat: Some(Flat {
                name: "flat".to_owned(),
                inner: inner.clone(),
                rest: BTreeMap::from([
                    ("more".to_owned(), untagged.clone()),
                    ("one".to_owned(), Untagged::Inner(inner)),
                ]),
            }),
            untagged,
            ..Attributes::default()
        }
    }

    #[test]
    fn serde_attributes_decode_the_same_in_json() {
        let value = attributes();
        let bytes = serde_json::to_vec(&value).unwrap();
        assert_eq!(from_json(&bytes, None), Ok(value.clone()));
        assert_eq!(from_json(&bytes, Some(MAX)), Ok(value));
        let bytes =
            br#"{"number": 1, "unknown": [{"deep": [[]]}], "internal": {"id": 2, "kind": "Newtype"}}"#;
        let value: Attributes = from_json(bytes, Some(MAX)).unwrap();
        assert_eq!(value.number, 1);
        assert_eq!(value.internal, Internal::Newtype(Inner { id: 2, note: None }));
        assert_eq!(from_json(bytes, None), Ok(value));
        assert_eq!(from_json(b"{}", Some(MAX)), Ok(Attributes::default()));
    }

    #[test]
    fn serde_attributes_decode_the_same_in_message_pack() {
        let value = attributes();
        let bytes = rmp_serde::to_vec_named(&value).unwrap();
        assert_eq!(from_message_pack(&bytes, None), Ok(value.clone()));
        assert_eq!(from_message_pack(&bytes, Some(MAX)), Ok(value));
        assert_eq!(from_message_pack(b"\x80", Some(MAX)), Ok(Attributes::default()));
    }

    #[test]
    fn what_serde_buffers_is_limited() {
        on_a_small_stack(|| {
            let error = from_message_pack::<Untagged>(&repeated(b"\x91"), Some(MAX)).unwrap_err();
            assert_eq!(error, TOO_DEEP);
            let error = from_message_pack::<Untagged>(&repeated(b"\x81\xa1k"), Some(MAX)).unwrap_err();
            assert_eq!(error, TOO_DEEP);
        });
    }

    /// What a type asks of the format besides values: only the guarded deserializer can answer it.
    #[test]
    fn the_format_is_still_visible() {
        #[derive(Debug, PartialEq)]
        struct Seen {
            human_readable: bool,
            hint: Option<usize>,
        }
        impl<'de> Deserialize<'de> for Seen {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Hint(bool);
                impl<'de> Visitor<'de> for Hint {
                    type Value = Seen;
                    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                        formatter.write_str("a sequence or a map to look at")
                    }
                    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Seen, A::Error> {
                        let hint = seq.size_hint();
                        while seq.next_element::<u8>()?.is_some() {}
                        Ok(Seen {
                            human_readable: self.0,
                            hint,
                        })
                    }
                    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Seen, A::Error> {
                        let hint = map.size_hint();
                        while map.next_entry::<u8, u8>()?.is_some() {}
                        Ok(Seen {
                            human_readable: self.0,
                            hint,
                        })
                    }
                }
                let hint = Hint(deserializer.is_human_readable());
                if hint.0 {
                    deserializer.deserialize_any(hint)
                } else {
                    deserializer.deserialize_map(hint)
                }
            }
        }
        assert_eq!(
            from_json(b"[1, 2]", Some(1)),
            Ok(Seen {
                human_readable: true,
                hint: None
            })
        );
        // It is the format that words this error, with what the visitor says it expects.
        let error = from_json::<M>(b"true", Some(2)).unwrap_err();
        assert!(
            error.contains("invalid type: boolean `true`, expected a map"),
            "{error}"
        );
        let binary = Ok(Seen {
            human_readable: false,
            hint: Some(2),
        });
        assert_eq!(from_postcard(&[2, 1, 1, 2, 2], Some(1)), binary);
        assert_eq!(from_message_pack(b"\x82\x01\x01\x02\x02", Some(1)), binary);
        assert_eq!(from_message_pack(b"\x92\x01\x02", Some(1)), binary);
    }

    fn level(elements: &std::cell::Cell<u64>) -> Level<'_> {
        Level {
            depth: 0,
            max: 0,
            elements,
        }
    }

    /// Some formats take one call for another, so that only a format which names its calls shows a wrong one.
    #[test]
    fn each_call_to_the_format_is_forwarded_as_it_is() {
        macro_rules! check {
            ($($method:ident($($arg:ident: $type:ty = $value:expr),*);)*) => {
                struct Format;
                impl<'de> Deserializer<'de> for Format {
                    type Error = Plain;
                    $(fn $method<V: Visitor<'de>>(self, $($arg: $type,)* _: V) -> Result<V::Value, Plain> {
                        Err(Plain::custom(format_args!("{} {:?}", stringify!($method), ($($arg,)*))))
                    })*
                }
                $(
                    let error = level(&std::cell::Cell::new(u64::MAX)).guard(Format).$method($($value,)* IgnoredAny).unwrap_err().to_string();
                    let args: ($($type,)*) = ($($value,)*);
                    assert_eq!(error, format!("{} {args:?}", stringify!($method)));
                )*
            };
        }
        check! {
            deserialize_any(); deserialize_ignored_any(); deserialize_identifier();
            deserialize_bool(); deserialize_char(); deserialize_f32(); deserialize_f64();
            deserialize_i8(); deserialize_i16(); deserialize_i32(); deserialize_i64(); deserialize_i128();
            deserialize_u8(); deserialize_u16(); deserialize_u32(); deserialize_u64(); deserialize_u128();
            deserialize_str(); deserialize_string(); deserialize_bytes(); deserialize_byte_buf();
            deserialize_option(); deserialize_unit(); deserialize_seq(); deserialize_map();
            deserialize_tuple(len: usize = 7);
            deserialize_unit_struct(name: &'static str = "name");
            deserialize_newtype_struct(name: &'static str = "name");
            deserialize_tuple_struct(name: &'static str = "name", len: usize = 7);
            deserialize_struct(name: &'static str = "name", fields: &'static [&'static str] = &["field"]);
            deserialize_enum(name: &'static str = "name", variants: &'static [&'static str] = &["variant"]);
        }
    }

    #[test]
    fn each_scalar_is_forwarded_as_it_is() {
        macro_rules! check {
            ($($method:ident($($value:ident: $type:ty = $example:expr)?);)*) => {
                struct Scalar;
                impl<'de> Visitor<'de> for Scalar {
                    type Value = String;
                    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                        formatter.write_str("a scalar")
                    }
                    $(fn $method<E: Error>(self, $($value: $type)?) -> Result<String, E> {
                        Ok(format!("{} {:?}", stringify!($method), ($($value,)?)))
                    })*
                }
                $(
                    let visited: Result<_, Plain> = level(&std::cell::Cell::new(u64::MAX)).guard(Scalar).$method($($example)?);
                    let expected = format!("{} {:?}", stringify!($method), ($($example,)?));
                    assert_eq!(visited.unwrap(), expected);
                )*
            };
        }
        check! {
            visit_none(); visit_unit(); visit_bool(value: bool = true); visit_char(value: char = 'c');
            visit_i8(value: i8 = -1); visit_i16(value: i16 = -2); visit_i32(value: i32 = -3);
            visit_u8(value: u8 = 1); visit_u16(value: u16 = 2); visit_u32(value: u32 = 3);
            visit_i64(value: i64 = -4); visit_u64(value: u64 = 4); visit_i128(value: i128 = -5);
            visit_u128(value: u128 = 5); visit_f32(value: f32 = 0.5); visit_f64(value: f64 = 0.25);
            visit_str(value: &str = "text"); visit_borrowed_str(value: &'de str = "borrowed");
            visit_string(value: String = "owned".to_owned()); visit_bytes(value: &[u8] = b"bytes");
            visit_borrowed_bytes(value: &'de [u8] = b"borrowed");
            visit_byte_buf(value: Vec<u8> = b"owned".to_vec());
        }
    }
}
