//! Signs of life: what a start waits for, so that it fails where calls would, and a ping.

use std::time::Duration;

use cache_core::Result;

use crate::backend::RedisBackend;
use crate::budget::Budget;
use crate::call::Way;
use crate::command;
use crate::shards::WHOLE;

impl RedisBackend {
    /// Waits for a sign of life on the connections of reads and of writes, and checks that this user may scan if keys are counted.
    pub(crate) async fn first_contact(&self, limit: Duration) -> Result<()> {
        self.alive(Way::Read, limit).await?;
        self.alive(Way::Write, limit).await?;
        if self.counting.is_on() {
            self.counter().check_rights().await?;
        }
        Ok(())
    }

    /// Waits for a sign of life on one of them.
    pub(crate) async fn alive(&self, way: Way, budget: impl Into<Budget>) -> Result<()> {
        let ask = command::ping();
        self.caller.call(way, WHOLE, &ask, budget).await.map(drop)
    }
}
