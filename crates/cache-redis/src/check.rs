//! What settings must keep to, each with the word that says what to give instead.

use std::time::Duration;

use cache_core::Result;

use crate::config::RedisBuilder;
use crate::error;

impl RedisBuilder {
    pub(crate) fn check(&self) -> Result<()> {
        if self.connections == 0 {
            return Err(error::limit(
                "connections is 0, so no command could be sent; give 1 or more",
            ));
        }
        let (others, what) = if self.count_interval.is_some() {
            (3, "3 at least, for writes, for clears and for counts")
        } else {
            (2, "2 at least, for writes and for clears")
        };
        if self.max_connections < self.connections.saturating_add(others) {
            return Err(error::limit(format!(
                "max_connections must be above connections by {what}; raise it"
            )));
        }
        if self.max_value_len == 0 {
            return Err(error::limit(
                "max_value_len is 0, so nothing could be stored; give the most bytes of a value",
            ));
        }
        for (setting, given) in [
            ("read_budget", self.budgets.read),
            ("write_budget", self.budgets.write),
            ("clear_budget", self.budgets.clear),
            ("connect_timeout", self.connect_timeout),
            (
                "count_interval",
                self.count_interval.unwrap_or(Duration::from_secs(1)),
            ),
        ] {
            if given < Duration::from_millis(1) || given > Duration::from_secs(3_600) {
                return Err(error::bad_duration(setting, given));
            }
        }
        self.breaker.check()
    }

    /// Returns how long a read or a write waits, whichever is shorter.
    #[cfg(feature = "cluster")]
    pub(crate) fn shortest_budget(&self) -> Duration {
        self.budgets.read.min(self.budgets.write)
    }

    /// Returns the longest time that a request may take.
    #[cfg(feature = "cluster")]
    pub(crate) fn longest_budget(&self) -> Duration {
        self.budgets.read.max(self.budgets.write)
    }
}
