//! One connection to one server: the handle that requests go through, and the task that moves its bytes. The task is ours,
//! so that a connection can be ended at once, with all that it has not sent: a write that its caller has given up must not
//! arrive after one that came later on the next connection.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::task::{Context, Poll};
use std::time::Duration;

use deadpool_redis::redis::{RedisConnectionInfo, RedisResult, Value};
use tokio::sync::oneshot;
use tokio::task::AbortHandle;

use crate::command;
use crate::decode::Decoder;
use crate::driver::Driver;
use crate::greeting::{Stream, greet};
use crate::link::within;
use crate::queue::{Queue, Request};
use crate::sent::Caller;
use crate::transport::Transport;

/// A connection that carries the requests of many callers at once. Clones share it; with the last one it ends.
#[derive(Clone)]
pub(crate) struct Wire(Arc<Shared>);

/// The same, for who does not use it.
#[cfg(feature = "cluster")]
pub(crate) struct WeakWire(Weak<Shared>);

#[cfg(feature = "cluster")]
impl WeakWire {
    /// Says whether anybody uses it.
    pub(crate) fn is_there(&self) -> bool {
        self.0.strong_count() > 0
    }

    pub(crate) fn upgrade(&self) -> Option<Wire> {
        self.0.upgrade().map(Wire)
    }
}

/// What moves the bytes of a connection, and what it is to move.
struct Shared {
    queue: Queue,
    driver: Mutex<Option<Driver>>,
    task: OnceLock<AbortHandle>,
    /// Whether somebody looks whether it is in step.
    is_checked: AtomicBool,
    /// How often something has come.
    heard: Arc<AtomicU64>,
    /// How often it is held when nothing is under way. Each request under way holds it once more.
    at_rest: usize,
}

impl Wire {
    /// Says hello over a new stream. Values that come over it have so many bytes at most, header included, and when nothing is under way
    /// the connection is held so often, by the task that writes too. What comes is counted.
    pub(crate) async fn new(
        stream: Box<dyn Transport>,
        info: &RedisConnectionInfo,
        longest: usize,
        at_rest: usize,
        heard: Arc<AtomicU64>,
    ) -> RedisResult<Self> {
        let stream = greet(Stream::new(stream), info).await?;
        let shared = Arc::new(Shared {
            queue: Queue::default(),
            driver: Mutex::new(Some(Driver::new(stream, Decoder::new(longest)))),
            task: OnceLock::new(),
            is_checked: AtomicBool::new(false),
            heard,
            at_rest,
        });
        let task = tokio::spawn(Drive(Arc::downgrade(&shared)));
        // It is set here only.
        drop(shared.task.set(task.abort_handle()));
        Ok(Self(shared))
    }

    /// Sends a command and waits for the answer, for so long.
    pub(crate) async fn send(&self, command: Vec<u8>, limit: Duration) -> RedisResult<Value> {
        let (sender, receiver) = oneshot::channel();
        self.push(command, Caller::One(sender));
        within(limit, answer(receiver)).await
    }

    /// Sends so many commands together and waits for all answers, for so long.
    pub(crate) async fn send_all(
        &self,
        commands: Vec<u8>,
        count: usize,
        limit: Duration,
    ) -> RedisResult<Vec<Value>> {
        if count == 0 {
            return Ok(Vec::new());
        }
        let (sender, receiver) = oneshot::channel();
        let caller = Caller::Many {
            sender,
            came: Vec::new(),
            left: count,
        };
        self.push(commands, caller);
        within(limit, answer(receiver)).await
    }

    /// Who cannot be put into the queue learns it from the receiver.
    fn push(&self, bytes: Vec<u8>, caller: Caller) {
        self.0.queue.push(Request { bytes, caller });
    }

    /// Waits until all that was sent is answered, for so long, and says whether it is.
    pub(crate) async fn settled(&self, limit: Duration) -> bool {
        // Replies come in order.
        self.is_at_rest() || self.send(command::ping().packed(), limit).await.is_ok()
    }

    /// Says whether it owes an answer for so long.
    #[cfg(feature = "cluster")]
    pub(crate) fn is_silent(&self, patience: Duration) -> bool {
        match &*self.0.driver() {
            Some(driver) => driver
                .owes_since()
                .is_some_and(|since| since.elapsed() >= patience),
            None => false,
        }
    }

    /// Looks in the background whether what comes answers what was asked, and ends the connection if it does not: where a reply has
    /// been lost each one after it goes to the caller before. A connection of which all is answered has lost none.
    pub(crate) fn check_step(&self, limit: Duration) {
        if self.is_at_rest() || self.0.is_checked.swap(true, Relaxed) {
            return;
        }
        let checked = Checked(Arc::downgrade(&self.0));
        // Two, since the reply to the last request is the one that is missing: the first of them gets that to the second then.
        let [(asked, first), (_, second)] = [(); 2].map(|()| self.ping());
        tokio::spawn(async move {
            let reply = within(limit, answer(first)).await;
            drop(second);
            let is_out_of_step = match reply {
                Ok(Value::BulkString(answer)) => answer != asked.as_bytes(),
                // The server is busy, and says so to everybody.
                Ok(Value::ServerError(_)) | Err(_) => false,
                Ok(_) => true,
            };
            if is_out_of_step && let Some(shared) = checked.0.upgrade() {
                shared.end();
            }
        });
    }

    /// Sends a question that nobody else asks, and returns it with what gets the answer.
    fn ping(&self) -> (String, oneshot::Receiver<RedisResult<Value>>) {
        let token = fastrand::u64(..).to_string();
        let (sender, receiver) = oneshot::channel();
        self.push(command::ping_with(token.clone()).packed(), Caller::One(sender));
        (token, receiver)
    }

    /// Says whether all that was sent is answered.
    fn is_at_rest(&self) -> bool {
        match &*self.0.driver() {
            Some(driver) => driver.is_at_rest(&self.0.queue),
            None => true,
        }
    }

    /// Returns how often something has come over it.
    #[inline]
    pub(crate) fn heard(&self) -> u64 {
        self.0.heard.load(Relaxed)
    }

    #[cfg(feature = "cluster")]
    pub(crate) fn downgrade(&self) -> WeakWire {
        WeakWire(Arc::downgrade(&self.0))
    }

    /// Ends the connection for all who use it, now: when this returns, nothing that was not sent will be.
    pub(crate) fn cut(&self) {
        self.0.end();
    }
}

/// A check under way, which keeps nothing of the connection. However it ends, there may be another one.
struct Checked(Weak<Shared>);

impl Drop for Checked {
    fn drop(&mut self) {
        if let Some(shared) = self.0.upgrade() {
            shared.is_checked.store(false, Relaxed);
        }
    }
}

async fn answer<T>(receiver: oneshot::Receiver<RedisResult<T>>) -> RedisResult<T> {
    let ended = |_| Err(std::io::Error::from(std::io::ErrorKind::BrokenPipe).into());
    receiver.await.unwrap_or_else(ended)
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
    fn poll(self: &Arc<Self>, cx: &mut Context<'_>) -> Poll<()> {
        let has_company = || Arc::strong_count(self) > self.at_rest + 1;
        match &mut *self.driver() {
            Some(driver) => {
                let ended = driver.poll(cx, &self.queue, has_company);
                if driver.has_heard() {
                    self.heard.fetch_add(1, Relaxed);
                }
                ended
            }
            None => Poll::Ready(()),
        }
    }

    fn end(&self) {
        // It goes while it is locked, so that whoever comes at the same time finds it gone.
        *self.driver() = None;
        self.queue.end();
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
