//! An alert on the way from a fault to a page: Redis is killed, and Prometheus says so.

use std::thread;
use std::time::{Duration, Instant};

use super::api::state;
use super::stack::Stack;
use crate::support::PATIENCE;

#[test]
#[ignore = "it needs Redis and its exporter; scripts/check-monitoring.sh runs it"]
fn when_redis_is_killed_its_alerts_are_pending_and_then_firing() {
    let mut stack = Stack::start();
    for alert in ["CacheBackendDown", "RedisDown"] {
        assert_eq!(state(stack.prometheus, alert), "inactive", "{alert}");
    }
    assert_eq!(state(stack.prometheus, "CacheMetricsWatchdog"), "firing");

    stack.redis.kill();
    let alerts = ["CacheBackendDown", "RedisDown"];
    let mut seen = alerts.map(|_| vec!["inactive".to_owned()]);
    let until = Instant::now() + PATIENCE;
    while seen
        .iter()
        .any(|states| states.last().is_none_or(|last| last != "firing"))
    {
        assert!(Instant::now() < until, "{alerts:?} were {seen:?}");
        for (alert, states) in alerts.iter().zip(&mut seen) {
            let now = state(stack.prometheus, alert);
            if states.last() != Some(&now) {
                states.push(now);
            }
        }
        thread::sleep(Duration::from_millis(100));
    }
    for states in seen {
        assert_eq!(states, ["inactive", "pending", "firing"]);
    }
    // The service in memory does not notice.
    assert_eq!(stack.memory.get("/health").status, 200);
}
