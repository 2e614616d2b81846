//! How keys stand in spans and events. A key may name a person, so it is not shown unless somebody asks for it.

use std::fmt;

use cache_core::Key;
use xxhash_rust::xxh3::xxh3_64;

/// How many characters of a key a line shows at most.
const MOST_SHOWN: usize = 256;

/// What spans and events say of a key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Keys {
    /// Its length and hash: `6 bytes #1f0b6a1c2d3e4f50`. Lines about one key can be found with it, and whoever has a
    /// key can tell whether a line is about it: the hash is XXH3 of 64 bits without a secret.
    #[default]
    Redacted,
    /// The key as it is, on one line, at most 256 characters of it.
    Shown,
}

impl Keys {
    /// Returns the form of a key that is written.
    pub(crate) fn form(self, key: Key<'_>) -> Form<'_> {
        Form { keys: self, key }
    }
}

/// A key as it is to be written, made only where somebody reads it.
#[derive(Clone, Copy)]
pub(crate) struct Form<'a> {
    keys: Keys,
    key: Key<'a>,
}

impl fmt::Display for Form<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = self.key.as_str();
        match self.keys {
            Keys::Redacted => write!(f, "{} bytes #{:016x}", key.len(), xxh3_64(key.as_bytes())),
            Keys::Shown => {
                let (shown, rest) = match key.char_indices().nth(MOST_SHOWN) {
                    None => (key, ""),
                    Some((end, _)) => (&key[..end], "…"),
                };
                write!(f, "{}{rest}", shown.escape_debug())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(keys: Keys, key: &str) -> String {
        keys.form(Key::new(key).unwrap()).to_string()
    }

    #[test]
    fn a_redacted_key_is_its_length_and_hash() {
        assert_eq!(
            written(Keys::Redacted, "user:7"),
            "6 bytes #".to_owned() + &format!("{:016x}", xxh3_64(b"user:7"))
        );
    }

    #[test]
    fn a_redacted_key_shows_nothing_of_itself() {
        assert!(!written(Keys::Redacted, "secret").contains("secret"));
    }

    #[test]
    fn a_shown_key_stays_on_its_line() {
        assert_eq!(written(Keys::Shown, "user:7\n\u{1b}[31m"), "user:7\\n\\u{1b}[31m");
    }

    #[test]
    fn a_long_key_is_cut() {
        assert_eq!(written(Keys::Shown, &"k".repeat(1_000)), "k".repeat(256) + "…");
    }
}
