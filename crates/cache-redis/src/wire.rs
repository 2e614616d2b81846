//! One connection to one server: the handle that requests go through, and the task that moves its bytes. The task is ours,
//! so that a connection can be ended at once, with all that it has not sent: a write that its caller has given up must not
//! arrive after one that came later on the next connection.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::task::{Context, Poll};
use std::time::Duration;

use deadpool_redis::redis::aio::MultiplexedConnection;
use deadpool_redis::redis::{AsyncConnectionConfig, Cmd, Pipeline, RedisConnectionInfo, RedisResult, Value};
use tokio::task::AbortHandle;

use crate::coalesce::{Coalescing, ENOUGH};
use crate::screen::Screen;
use crate::transport::Transport;

/// How many requests may wait for the task that writes. It writes all that are there at a time.
const QUEUE: usize = 1_024;

/// A connection that carries the requests of many callers at once. Clones share it; with the last one it ends.
#[derive(Clone)]
pub(crate) struct Wire {
    connection: MultiplexedConnection,
    shared: Arc<Shared>,
}

/// What moves the bytes of a connection.
#[derive(Default)]
struct Shared {
    driver: Mutex<Option<Driver>>,
    task: OnceLock<AbortHandle>,
}

type Driver = Pin<Box<dyn Future<Output = ()> + Send>>;

impl Wire {
    /// Says hello over a new stream: user, password, database, protocol. What comes back goes through a screen.
    pub(crate) async fn new(
        stream: Box<dyn Transport>,
        info: &RedisConnectionInfo,
        screen: Screen,
    ) -> RedisResult<Self> {
        let shared = Arc::new(Shared::default());
        let observer = Observer(Arc::downgrade(&shared));
        let config = AsyncConnectionConfig::new()
            .set_pipeline_buffer_size(QUEUE)
            .set_write_backpressure_boundary(ENOUGH);
        let stream = Coalescing::new(stream, observer, screen);
        let (connection, driver) = MultiplexedConnection::new_with_config(info, stream, config).await?;
        *shared.driver() = Some(Box::pin(driver));
        let task = tokio::spawn(Drive(Arc::downgrade(&shared)));
        // It is set here only.
        drop(shared.task.set(task.abort_handle()));
        Ok(Self { connection, shared })
    }

    /// Sends a command and waits for the answer, for so long.
    pub(crate) async fn send(&mut self, command: &Cmd, limit: Duration) -> RedisResult<Value> {
        // The timer of the connection is the deadline of the call: a second one would cost a tenth of it.
        self.connection.set_response_timeout(limit);
        self.connection.send_packed_command(command).await
    }

    /// Sends commands together and waits for all answers, for so long.
    pub(crate) async fn send_all(&mut self, commands: &Pipeline, limit: Duration) -> RedisResult<Vec<Value>> {
        self.connection.set_response_timeout(limit);
        self.connection
            .send_packed_commands(commands, 0, commands.len())
            .await
    }

    /// Ends the connection for all who use it, now: when this returns, nothing that was not sent will be.
    pub(crate) fn cut(&self) {
        self.shared.end();
    }
}

/// The task that moves the bytes. However it ends, with its runtime or in a panic, callers learn of it.
struct Drive(Weak<Shared>);

impl Future for Drive {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.0.upgrade().map_or(Poll::Ready(()), |shared| shared.poll(cx))
    }
}

impl Drop for Drive {
    fn drop(&mut self) {
        if let Some(shared) = self.0.upgrade() {
            shared.end();
        }
    }
}

impl Shared {
    fn poll(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut driver = self.driver();
        let ended = driver
            .as_mut()
            .is_none_or(|driver| driver.as_mut().poll(cx).is_ready());
        if ended { Poll::Ready(()) } else { Poll::Pending }
    }

    fn end(&self) {
        // It goes while it is locked, so that whoever comes at the same time finds it gone.
        *self.driver() = None;
        if let Some(task) = self.task.get() {
            task.abort();
        }
    }

    fn driver(&self) -> MutexGuard<'_, Option<Driver>> {
        self.driver.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.end();
    }
}

/// What the stream of a connection sees of those who use it.
pub(crate) struct Observer(Weak<Shared>);

/// Makes what an observer sees while so many requests are under way.
#[cfg(test)]
pub(crate) fn observed(requests: usize) -> (Observer, impl Sized) {
    let shared = Arc::new(Shared::default());
    let held = vec![Arc::clone(&shared); AT_REST + requests];
    (Observer(Arc::downgrade(&shared)), held)
}

/// At rest a connection is held three times: by the pool's object, where calls find it, and by the task that writes while
/// it runs. Each request under way holds it once more.
const AT_REST: usize = 3;

impl Observer {
    /// Says whether more than one request is under way.
    pub(crate) fn has_company(&self) -> bool {
        self.0.strong_count() > AT_REST + 1
    }
}
