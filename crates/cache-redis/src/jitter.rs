//! Chance in pauses, so that processes that lost the same server do not all come back to it at the same moment.

use std::time::Duration;

/// Returns a random time between half of a pause and the whole.
pub(crate) fn jittered(pause: Duration) -> Duration {
    pause.mul_f64(0.5 + fastrand::f64() / 2.0)
}

/// Checks many pauses that come of this one.
#[cfg(test)]
pub(crate) fn assert_jittered(whole: Duration, next: impl Fn() -> Duration) {
    let mut pauses: Vec<_> = (0..1_000).map(|_| next()).collect();
    pauses.sort();
    let (shortest, longest) = (pauses[0], pauses[pauses.len() - 1]);
    assert!(
        shortest >= whole / 2 && longest <= whole,
        "{shortest:?} to {longest:?}"
    );
    // All of it is used.
    assert!(longest > shortest + whole / 3, "{shortest:?} to {longest:?}");
    pauses.dedup();
    assert!(pauses.len() > 100, "only {} pauses differ", pauses.len());
}
