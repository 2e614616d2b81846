//! Which products the generator asks for: those that a distribution chooses, or those that a trace names.

use access_trace::Trace;
use fastrand::Rng;

use crate::zipf::Zipf;

/// Steep enough for hits, flat enough for evictions.
const EXPONENT: f64 = 0.9;

/// Where ids come from, without an end.
#[derive(Clone, Debug)]
pub(crate) enum Ids {
    /// Chosen among the ids from 1 on, low ones more often.
    Skewed(Zipf),
    /// Recorded, and begun again at the end. A number of the trace is an id as it is; most name no product then,
    /// which is cached like any other answer.
    Replayed { trace: Trace, next: usize },
}

impl Ids {
    pub(crate) fn skewed(products: usize) -> Self {
        Self::Skewed(Zipf::new(products, EXPONENT))
    }

    pub(crate) fn replayed(trace: Trace) -> Self {
        Self::Replayed { trace, next: 0 }
    }

    pub(crate) fn next(&mut self, random: &mut Rng) -> u64 {
        match self {
            Self::Skewed(zipf) => zipf.sample(random) as u64,
            Self::Replayed { trace, next } => {
                let id = trace.accesses().get(*next).copied().unwrap_or_default();
                *next = (*next + 1) % trace.len().max(1);
                id
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_begins_again_at_its_end() {
        let mut ids = Ids::replayed(Trace::from_accesses("test", vec![u64::MAX, 2, 3]));
        let mut random = Rng::with_seed(1);
        let seen: Vec<u64> = (0..7).map(|_| ids.next(&mut random)).collect();
        assert_eq!(seen, [u64::MAX, 2, 3, u64::MAX, 2, 3, u64::MAX]);
    }
}
