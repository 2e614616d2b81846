//! Asking whether an entry is there. That it is no use is in [`uses`](super::uses), its agreement with get over time
//! in [`life`](super::life).

#![expect(clippy::missing_panics_doc, reason = "the suite fails by panicking")]

use super::probe::Probe;
use crate::fixture::Fixture;

/// Exists agrees with get before and after a set, a delete and a clear.
pub async fn it_agrees_with_get_after_every_write(fixture: &dyn Fixture) {
    let probe = Probe::new(fixture);
    assert_agrees(&probe, "never set").await;
    probe.set("key", "value").await;
    assert_agrees(&probe, "set").await;
    probe.set("key", "other").await;
    assert_agrees(&probe, "set again").await;
    probe.delete("key").await;
    assert_agrees(&probe, "deleted").await;
    probe.set("key", "value").await;
    assert_agrees(&probe, "set after a delete").await;
    let _ = probe.backend.clear().await;
    assert_agrees(&probe, "cleared").await;
}

async fn assert_agrees(probe: &Probe<'_>, when: &str) {
    assert_eq!(
        probe.exists("key").await,
        probe.get("key").await.is_some(),
        "{when}"
    );
}

/// Exists tells one key from another.
pub async fn it_tells_keys_apart(fixture: &dyn Fixture) {
    let probe = Probe::new(fixture);
    probe.set("key", "value").await;
    probe.assert_holds("key", "value").await;
    for other in ["ke", "key2", "KEY", "*"] {
        assert!(!probe.exists(other).await, "{other}");
    }
}

/// Exists stores nothing: the key is a miss after it as before.
pub async fn it_leaves_an_absent_key_absent(fixture: &dyn Fixture) {
    let probe = Probe::new(fixture);
    assert!(!probe.exists("key").await);
    probe.assert_absent("key").await;
    assert!(!probe.delete("key").await);
}
