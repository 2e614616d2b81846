//! The operations of a cache, as one word each for errors, metrics, logs and spans.

use std::fmt;

/// An operation of a [`Cache`](crate::Cache). All but [`Build`](Self::Build) and the last three are also those of a
/// [`CacheBackend`](crate::CacheBackend).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Operation {
    /// Read one value.
    Get,
    /// Store one value.
    Set,
    /// Remove one value.
    Delete,
    /// Ask whether a value is there.
    Exists,
    /// Read several values.
    GetMany,
    /// Store several values.
    SetMany,
    /// Remove several values.
    DeleteMany,
    /// Remove everything.
    Clear,
    /// Ask whether the backend answers.
    Ping,
    /// End the cache.
    Close,
    /// Make the cache.
    Build,
    /// Read one value, or load it.
    GetOrLoad,
    /// Read several values, or load them.
    GetOrLoadMany,
    /// Make every value with a tag a miss.
    InvalidateTags,
}

impl Operation {
    /// Every operation, in the order of the declaration.
    pub const ALL: [Self; 14] = [
        Self::Get,
        Self::Set,
        Self::Delete,
        Self::Exists,
        Self::GetMany,
        Self::SetMany,
        Self::DeleteMany,
        Self::Clear,
        Self::Ping,
        Self::Close,
        Self::Build,
        Self::GetOrLoad,
        Self::GetOrLoadMany,
        Self::InvalidateTags,
    ];

    /// Returns the word for metrics and logs, in snake case.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::Set => "set",
            Self::Delete => "delete",
            Self::Exists => "exists",
            Self::GetMany => "get_many",
            Self::SetMany => "set_many",
            Self::DeleteMany => "delete_many",
            Self::Clear => "clear",
            Self::Ping => "ping",
            Self::Close => "close",
            Self::Build => "build",
            Self::GetOrLoad => "get_or_load",
            Self::GetOrLoadMany => "get_or_load_many",
            Self::InvalidateTags => "invalidate_tags",
        }
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    /// Returns the place of an operation in [`Operation::ALL`]. The compiler asks for a new one here.
    fn place(operation: Operation) -> usize {
        match operation {
            Operation::Get => 0,
            Operation::Set => 1,
            Operation::Delete => 2,
            Operation::Exists => 3,
            Operation::GetMany => 4,
            Operation::SetMany => 5,
            Operation::DeleteMany => 6,
            Operation::Clear => 7,
            Operation::Ping => 8,
            Operation::Close => 9,
            Operation::Build => 10,
            Operation::GetOrLoad => 11,
            Operation::GetOrLoadMany => 12,
            Operation::InvalidateTags => 13,
        }
    }

    #[test]
    fn all_holds_every_operation_in_its_place() {
        for (expected, operation) in Operation::ALL.into_iter().enumerate() {
            assert_eq!(place(operation), expected, "{operation:?}");
        }
        assert_eq!(place(Operation::InvalidateTags) + 1, Operation::ALL.len());
    }

    #[test]
    fn no_two_operations_share_a_word() {
        let words: HashSet<_> = Operation::ALL
            .iter()
            .map(|operation| operation.as_str())
            .collect();
        assert_eq!(words.len(), Operation::ALL.len());
    }

    #[test]
    fn words_are_fit_to_be_label_values() {
        for operation in Operation::ALL {
            assert!(
                operation
                    .as_str()
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || b == b'_'),
                "{operation}"
            );
        }
    }
}
