//! What the answers of a backend say: one word for people and queries.

use cache_core::{Entry, Operation, Result};

/// What became of an operation, without its failures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// One word of the table in the documentation of the crate.
    pub(crate) word: &'static str,
    /// Whether a lookup found a live entry; `None` if it was no lookup, or if several keys differ.
    pub(crate) hit: Option<bool>,
    /// Of how many keys something was there.
    pub(crate) found: usize,
}

impl Outcome {
    pub(crate) const ERROR: Self = Self {
        word: "error",
        hit: None,
        found: 0,
    };

    const fn new(word: &'static str, found: bool) -> Self {
        Self {
            word,
            hit: None,
            found: found as usize,
        }
    }

    /// Makes one outcome of those of two keys.
    fn and(self, other: Self) -> Self {
        Self {
            word: if self.word == other.word {
                self.word
            } else {
                "mixed"
            },
            hit: self.hit.filter(|_| self.hit == other.hit),
            found: self.found + other.found,
        }
    }
}

/// An answer of a backend.
pub(crate) trait Answer {
    /// Says what became of the operation.
    fn outcome(&self, operation: Operation) -> Outcome;
}

impl Answer for Option<Entry> {
    fn outcome(&self, _: Operation) -> Outcome {
        Outcome {
            word: if self.is_some() { "hit" } else { "miss" },
            hit: Some(self.is_some()),
            found: usize::from(self.is_some()),
        }
    }
}

impl Answer for () {
    fn outcome(&self, operation: Operation) -> Outcome {
        Outcome::new(
            match operation {
                Operation::Clear => "cleared",
                Operation::Ping => "up",
                Operation::Close => "closed",
                _ => "stored",
            },
            true,
        )
    }
}

impl Answer for bool {
    fn outcome(&self, operation: Operation) -> Outcome {
        let word = match (self, operation) {
            (false, _) => "absent",
            (true, Operation::Exists) => "present",
            (true, _) => "deleted",
        };
        Outcome::new(word, *self)
    }
}

impl<A: Answer> Answer for Vec<Result<A>> {
    fn outcome(&self, operation: Operation) -> Outcome {
        let one = |answer: &Result<A>| match answer {
            Ok(answer) => answer.outcome(operation),
            Err(_) => Outcome::ERROR,
        };
        let nothing = Outcome::new("absent", false);
        self.iter().map(one).reduce(Outcome::and).unwrap_or(nothing)
    }
}

#[cfg(test)]
mod tests {
    use cache_core::{CacheError, ErrorKind};

    use super::*;

    fn word<const N: usize>(answers: [Result<bool>; N]) -> (&'static str, usize) {
        let outcome = Vec::from(answers).outcome(Operation::DeleteMany);
        (outcome.word, outcome.found)
    }

    #[test]
    fn several_keys_that_agree_have_the_word_of_one() {
        assert_eq!(word([Ok(true), Ok(true)]), ("deleted", 2));
    }

    #[test]
    fn several_keys_that_differ_are_mixed() {
        let failed = Err(CacheError::new(ErrorKind::Timeout, "too late"));
        assert_eq!(word([Ok(true), Ok(false)]), ("mixed", 1));
        assert_eq!(word([Ok(true), failed]), ("mixed", 1));
    }

    #[test]
    fn lookups_that_differ_are_neither_hit_nor_miss() {
        let outcome = vec![Ok(None), Err(CacheError::closed())].outcome(Operation::GetMany);
        assert_eq!(outcome.hit, None);
        assert_eq!(
            vec![Ok(None), Ok(None)].outcome(Operation::GetMany).hit,
            Some(false)
        );
    }
}
