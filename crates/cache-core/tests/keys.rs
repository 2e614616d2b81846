//! Properties of keys and namespaces: joining is never ambiguous, and the short form is short and on one line.
#![expect(
    clippy::unwrap_used,
    reason = "the helpers of this file build keys that are known to be right"
)]

use cache_core::{ErrorKind, Key, Namespace};
use proptest::collection::vec;
use proptest::prelude::*;

fn text(chars: impl Strategy<Value = char>) -> impl Strategy<Value = String> {
    vec(chars, 1..80).prop_map(String::from_iter)
}

/// Few characters, all of them with a meaning in the stored key, so that two pairs come close to each other often.
fn tricky() -> impl Strategy<Value = String> {
    vec(
        prop::sample::select(vec![':', '%', '2', '3', '5', 'A', 'a']),
        1..6,
    )
    .prop_map(String::from_iter)
}

/// Any character, and often one that ends a line, that hides or that turns the text around.
fn any_char() -> impl Strategy<Value = char> {
    let breaks = "\n\r\u{b}\u{c}\u{0}\u{1b}\u{85}\u{2028}\u{2029}\u{202e}\u{200b}\u{301}\"\\";
    prop_oneof![
        any::<char>(),
        prop::sample::select(breaks.chars().collect::<Vec<_>>())
    ]
}

fn join(namespace: &str, key: &str) -> String {
    Namespace::new(namespace).unwrap().join(Key::new(key).unwrap())
}

/// Takes a stored key apart again, which is possible only if joining is injective.
fn split(stored: &str) -> (String, String) {
    let (namespace, key) = stored.split_once(':').unwrap();
    (namespace.replace("%3A", ":").replace("%25", "%"), key.to_owned())
}

/// Returns the pairs that would join like this one if the namespace were not escaped, or only in part.
fn lookalikes(namespace: &str, key: &str) -> Vec<(String, String)> {
    let joined = format!("{namespace}:{key}");
    let splits = joined
        .match_indices(':')
        .map(|(at, _)| (joined[..at].to_owned(), joined[at + 1..].to_owned()));
    let escaped = [namespace.replace(':', "%3A"), namespace.replace('%', "%25")];
    let escaped = escaped.map(|namespace| (namespace, key.to_owned()));
    splits
        .chain(escaped)
        .filter(|(namespace, key)| !namespace.is_empty() && !key.is_empty())
        .collect()
}

fn short(key: &str) -> String {
    Key::new(key).unwrap().short()
}

fn breaks_a_line(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) })]

    #[test]
    fn two_pairs_of_namespace_and_key_never_join_alike(
        one in (tricky(), tricky()),
        other in (tricky(), tricky()),
    ) {
        prop_assert_eq!(one == other, join(&one.0, &one.1) == join(&other.0, &other.1));
    }

    #[test]
    fn pairs_that_look_alike_do_not_join_alike(one in (tricky(), tricky())) {
        for other in lookalikes(&one.0, &one.1) {
            prop_assert_eq!(one == other, join(&one.0, &one.1) == join(&other.0, &other.1), "{:?}", other);
        }
    }

    #[test]
    fn a_stored_key_gives_its_namespace_and_key_back(
        (namespace, key) in prop_oneof![(tricky(), tricky()), (text(any_char()), text(any_char()))],
    ) {
        prop_assert_eq!(split(&join(&namespace, &key)), (namespace, key));
    }

    #[test]
    fn no_namespace_is_the_beginning_of_another(one in tricky(), other in tricky()) {
        prop_assume!(one != other);
        let (one, other) = (Namespace::new(&one).unwrap(), Namespace::new(&other).unwrap());
        prop_assert!(!one.prefix().starts_with(other.prefix()));
    }

    #[test]
    fn the_short_form_is_one_line(key in text(any_char())) {
        let short = short(&key);
        prop_assert!(!short.contains(breaks_a_line), "{}", short.escape_unicode());
    }

    #[test]
    fn the_short_form_shows_nothing_behind_the_thirty_second_character(
        shown in vec(any_char(), 32).prop_map(String::from_iter),
        hidden in "[a-z]{1,50}",
    ) {
        let masked = "x".repeat(hidden.len());
        prop_assert_eq!(short(&format!("{shown}{hidden}")), short(&format!("{shown}{masked}")));
    }

    #[test]
    fn keys_of_up_to_thirty_two_characters_are_shown_whole(
        one in vec(any_char(), 1..=32).prop_map(String::from_iter),
        other in vec(any_char(), 1..=32).prop_map(String::from_iter),
    ) {
        prop_assert_eq!(one == other, short(&one) == short(&other));
    }

    #[test]
    fn debug_shows_no_more_than_the_short_form(key in text(any_char())) {
        prop_assert_eq!(format!("{:?}", Key::new(&key).unwrap()), short(&key));
    }

    #[test]
    fn the_limit_counts_bytes_and_includes_itself(key in text(any_char())) {
        prop_assert!(Key::with_max_len(&key, key.len()).is_ok());
        prop_assert_eq!(Key::with_max_len(&key, key.len() - 1).unwrap_err().kind(), ErrorKind::KeyTooLong);
    }
}

#[test]
fn an_empty_key_is_refused_with_what_to_do() {
    let error = Key::new("").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::EmptyKey);
    assert_eq!(
        error.to_string(),
        "the key is empty; give it at least one character"
    );
}

#[test]
fn an_empty_namespace_is_refused() {
    assert_eq!(Namespace::new("").unwrap_err().kind(), ErrorKind::InvalidName);
}
