//! What moves the bytes of a connection: requests out, several in one write, and replies in, each to who waits for it. The client
//! library has such a thing as well; it takes each request through a channel and each reply through a parser for all that servers say,
//! and it writes each request by itself, which `benches/redis.rs` compares with this.
//!
//! Whoever asks wakes the task that writes, and the runtime runs that task next, so left alone it would write each request by itself
//! while others are about to follow: a system call and a packet for each. So if others have a request under way it goes to the end
//! of the run queue before it writes, once, where an idle thread of the runtime may take it. A caller who is alone does not wait for
//! anybody.

use std::collections::VecDeque;
use std::io;
use std::mem;
use std::task::{Context, Poll};
#[cfg(feature = "cluster")]
use std::time::Instant;

use deadpool_redis::redis::{ErrorKind, RedisError};

use crate::decode::Decoder;
use crate::greeting::Stream;
use crate::queue::{Queue, Request};
use crate::sent::Sent;

/// So many bytes are written without waiting for more.
const ENOUGH: usize = 64 * 1024;

/// The bytes of a connection on their way.
pub(crate) struct Driver {
    stream: Stream,
    decoder: Decoder,
    /// What has been taken from the queue and is not being written, and its weight.
    taken: VecDeque<Request>,
    weight: usize,
    /// Whether it has let others go first.
    has_waited: bool,
    /// What is being written, and how much of it has been.
    out: Vec<u8>,
    written: usize,
    /// Since when it waits for what comes next, if it does.
    #[cfg(feature = "cluster")]
    owes_since: Option<Instant>,
    /// Whether something has come since that was asked.
    has_heard: bool,
    /// Who waits for the replies to what was written or is being written.
    sent: Sent,
}

impl Driver {
    pub(crate) fn new(stream: Stream, decoder: Decoder) -> Self {
        Self {
            stream,
            decoder,
            taken: VecDeque::new(),
            weight: 0,
            has_waited: false,
            out: Vec::new(),
            written: 0,
            #[cfg(feature = "cluster")]
            owes_since: None,
            has_heard: false,
            sent: Sent::default(),
        }
    }

    /// Moves what can be moved. Ready is that the connection has ended.
    pub(crate) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        queue: &Queue,
        has_company: impl Fn() -> bool,
    ) -> Poll<()> {
        let outcome = match self.read(cx) {
            Ok(()) => self.write(cx, queue, has_company),
            outcome => outcome,
        };
        match outcome {
            Ok(()) => Poll::Pending,
            Err(cause) => {
                // That the system waited too long for the peer is the end of the connection, and not of what a caller has allowed.
                let cause = if cause.is_timeout() { ended() } else { cause };
                // The first that is there learns why; the others, that it has ended.
                self.sent.fail(cause);
                Poll::Ready(())
            }
        }
    }

    /// Says whether all that was sent is answered and nothing waits to be.
    pub(crate) fn is_at_rest(&self, queue: &Queue) -> bool {
        self.sent.is_empty() && self.out.is_empty() && self.taken.is_empty() && queue.is_empty()
    }

    /// Returns since when it waits for what comes next, if it does.
    #[cfg(feature = "cluster")]
    pub(crate) fn owes_since(&self) -> Option<Instant> {
        self.owes_since
    }

    /// Says whether something has come since this was asked before.
    pub(crate) fn has_heard(&mut self) -> bool {
        mem::take(&mut self.has_heard)
    }

    /// Gives out the replies that have come, until there are no more.
    fn read(&mut self, cx: &mut Context<'_>) -> Result<(), RedisError> {
        while let Poll::Ready(read) = self.decoder.poll_fill(cx, self.stream.pinned()) {
            if !read? {
                return Err(ended());
            }
            self.has_heard = true;
            while let Some(reply) = self.decoder.next()? {
                if !self.sent.reply(reply) {
                    return Err(unasked());
                }
            }
            #[cfg(feature = "cluster")]
            {
                self.owes_since = (!self.sent.is_empty()).then(Instant::now);
            }
        }
        Ok(())
    }

    /// Writes what waits, until there is no more or the system takes no more.
    fn write(
        &mut self,
        cx: &mut Context<'_>,
        queue: &Queue,
        has_company: impl Fn() -> bool,
    ) -> Result<(), RedisError> {
        loop {
            if self.out.is_empty() {
                self.weight += queue.take(&mut self.taken, cx);
                if self.taken.is_empty() {
                    return match self.stream.pinned().poll_flush(cx) {
                        Poll::Ready(flushed) => Ok(flushed?),
                        Poll::Pending => Ok(()),
                    };
                }
                if self.waits(&has_company) {
                    cx.waker().wake_by_ref();
                    return Ok(());
                }
                self.collect();
            }
            while self.written < self.out.len() {
                match self.stream.pinned().poll_write(cx, &self.out[self.written..]) {
                    Poll::Ready(Ok(0)) => return Err(io::Error::from(io::ErrorKind::WriteZero).into()),
                    Poll::Ready(written) => self.written += written?,
                    Poll::Pending => return Ok(()),
                }
            }
            self.written = 0;
            self.out.clear();
            if self.out.capacity() > 2 * ENOUGH {
                self.out = Vec::new();
            }
        }
    }

    /// Puts together what is written now. Of who has gone meanwhile nothing is sent.
    fn collect(&mut self) {
        while self.out.len() < ENOUGH
            && let Some(request) = self.taken.pop_front()
        {
            self.weight -= request.weight();
            if request.caller.is_gone() {
                continue;
            }
            if self.out.is_empty() && request.bytes.len() > ENOUGH {
                self.out = request.bytes;
            } else {
                self.out.extend_from_slice(&request.bytes);
            }
            self.sent.push(request.caller);
            #[cfg(feature = "cluster")]
            self.owes_since.get_or_insert_with(Instant::now);
        }
    }

    /// Says whether the next write lets others go first.
    fn waits(&mut self, has_company: impl Fn() -> bool) -> bool {
        self.has_waited = !self.has_waited && self.weight < ENOUGH && has_company();
        self.has_waited
    }
}

fn ended() -> RedisError {
    io::Error::from(io::ErrorKind::BrokenPipe).into()
}

/// A reply that nobody asked for: the next one would go to the wrong caller.
fn unasked() -> RedisError {
    RedisError::from((ErrorKind::Parse, "the server answers what was not asked"))
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::pin::Pin;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::task::{Wake, Waker};

    use deadpool_redis::redis::{RedisResult, Value};
    use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf, duplex};
    use tokio::sync::oneshot;

    use super::*;
    use crate::sent::Caller;
    use crate::transport::Transport;

    type Reply = oneshot::Receiver<RedisResult<Value>>;

    /// A stream whose system gives the peer up.
    struct TimesOut(DuplexStream);

    impl Transport for TimesOut {
        fn forget_unsent(&self) {}
    }

    impl AsyncRead for TimesOut {
        fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, _: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
        }
    }

    impl AsyncWrite for TimesOut {
        fn poll_write(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            bytes: &[u8],
        ) -> Poll<io::Result<usize>> {
            Pin::new(&mut self.0).poll_write(cx, bytes)
        }

        fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            Pin::new(&mut self.0).poll_flush(cx)
        }

        fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            Pin::new(&mut self.0).poll_shutdown(cx)
        }
    }

    #[derive(Default)]
    struct Woken(AtomicBool);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.store(true, Ordering::Relaxed);
        }
    }

    struct Bench {
        driver: Driver,
        queue: Queue,
        far: DuplexStream,
        has_company: bool,
    }

    impl Bench {
        /// Makes a connection whose stream takes so many bytes on its way.
        fn new(room: usize) -> Self {
            let (near, far) = duplex(room);
            Self {
                driver: Driver::new(Stream::new(Box::new(near)), Decoder::new(0)),
                queue: Queue::default(),
                far,
                has_company: false,
            }
        }

        fn ask(&self, bytes: &[u8]) -> Reply {
            let (sender, receiver) = oneshot::channel();
            let caller = Caller::One(sender);
            let bytes = bytes.to_vec();
            assert!(self.queue.push(Request { bytes, caller }));
            receiver
        }

        fn ask_many(&self, bytes: &[u8], left: usize) -> oneshot::Receiver<RedisResult<Vec<Value>>> {
            let (sender, receiver) = oneshot::channel();
            let came = Vec::new();
            let caller = Caller::Many { sender, came, left };
            let bytes = bytes.to_vec();
            assert!(self.queue.push(Request { bytes, caller }));
            receiver
        }

        /// Lets the driver do what it can, and says whether the connection has ended.
        fn turn(&mut self) -> bool {
            let has_company = self.has_company;
            let cx = &mut Context::from_waker(Waker::noop());
            self.driver.poll(cx, &self.queue, || has_company).is_ready()
        }

        /// Returns what has arrived.
        async fn arrived(&mut self) -> Vec<u8> {
            let mut room = vec![0; 4 * ENOUGH];
            let read = poll_fn(|cx| Poll::Ready(std::pin::pin!(self.far.read(&mut room)).poll(cx)));
            match read.await {
                Poll::Ready(read) => room[..read.unwrap()].to_vec(),
                Poll::Pending => Vec::new(),
            }
        }
    }

    #[tokio::test]
    async fn a_caller_who_is_alone_does_not_wait() {
        let mut bench = Bench::new(64);
        let _reply = bench.ask(b"a");
        assert!(!bench.turn());
        assert_eq!(bench.arrived().await, b"a");
    }

    #[tokio::test]
    async fn one_of_several_callers_lets_the_others_go_first_once() {
        let mut bench = Bench::new(64);
        bench.has_company = true;
        let mut replies = vec![bench.ask(b"a")];
        bench.turn();
        assert_eq!(bench.arrived().await, b"");
        replies.extend([b"b", b"c"].map(|more| bench.ask(more)));
        bench.turn();
        assert_eq!(bench.arrived().await, b"abc");
        // The next write begins anew.
        replies.push(bench.ask(b"d"));
        bench.turn();
        assert_eq!(bench.arrived().await, b"");
        bench.turn();
        assert_eq!(bench.arrived().await, b"d");
    }

    /// It would sleep until the next request otherwise.
    #[tokio::test]
    async fn who_lets_others_go_first_is_polled_again() {
        let mut bench = Bench::new(64);
        let _reply = bench.ask(b"a");
        let woken = Arc::new(Woken::default());
        let waker = Waker::from(Arc::clone(&woken));
        assert!(
            bench
                .driver
                .poll(&mut Context::from_waker(&waker), &bench.queue, || true)
                .is_pending()
        );
        assert!(woken.0.load(Ordering::Relaxed));
    }

    #[tokio::test]
    async fn enough_is_written_at_once() {
        let mut bench = Bench::new(16);
        bench.has_company = true;
        let _reply = bench.ask(&vec![b'a'; ENOUGH]);
        bench.turn();
        assert_eq!(bench.arrived().await.len(), 16);
    }

    #[tokio::test]
    async fn what_was_written_is_not_counted_as_enough_again() {
        let mut bench = Bench::new(2 * ENOUGH);
        let _large = bench.ask(&vec![b'a'; ENOUGH]);
        bench.turn();
        assert_eq!(bench.arrived().await.len(), ENOUGH);
        bench.has_company = true;
        let _small = bench.ask(b"b");
        bench.turn();
        assert_eq!(bench.arrived().await, b"");
    }

    #[tokio::test]
    async fn what_is_written_in_parts_does_not_wait_in_between() {
        let mut bench = Bench::new(1);
        bench.has_company = true;
        let _replies = [bench.ask(b"ab"), bench.ask(b"c")];
        bench.turn();
        let mut came = Vec::new();
        for _ in 0..3 {
            bench.turn();
            came.extend(bench.arrived().await);
        }
        assert_eq!(came, b"abc");
    }

    #[tokio::test]
    async fn each_caller_gets_its_own_reply_in_whatever_pieces_they_come() {
        let mut bench = Bench::new(1_024);
        let mut first = bench.ask(b"a");
        let mut several = bench.ask_many(b"bcd", 3);
        let mut last = bench.ask(b"e");
        bench.turn();
        assert_eq!(bench.arrived().await, b"abcde");
        for byte in b":1\r\n:2\r\n-ERR no\r\n:4\r\n:5\r\n" {
            bench.far.write_all(&[*byte]).await.unwrap();
            bench.turn();
        }
        assert_eq!(first.try_recv().unwrap().unwrap(), Value::Int(1));
        let several = several.try_recv().unwrap().unwrap();
        assert!(matches!(
            several[..],
            [Value::Int(2), Value::ServerError(_), Value::Int(4)]
        ));
        assert_eq!(last.try_recv().unwrap().unwrap(), Value::Int(5));
    }

    /// One caller goes before its request is written, one after. Neither takes the reply of another along.
    #[tokio::test]
    async fn callers_that_go_leave_the_others_in_step() {
        let mut bench = Bench::new(1_024);
        let before = bench.ask(b"a");
        let mut first = bench.ask(b"b");
        drop(before);
        let after = bench.ask(b"c");
        let several = bench.ask_many(b"de", 2);
        let mut last = bench.ask(b"f");
        bench.turn();
        assert_eq!(bench.arrived().await, b"bcdef");
        drop((after, several));
        bench
            .far
            .write_all(b":2\r\n:3\r\n:4\r\n:5\r\n:6\r\n")
            .await
            .unwrap();
        bench.turn();
        assert_eq!(first.try_recv().unwrap().unwrap(), Value::Int(2));
        assert_eq!(last.try_recv().unwrap().unwrap(), Value::Int(6));
    }

    /// While a write waits for others its caller may go.
    #[tokio::test]
    async fn what_waits_for_a_turn_is_forgotten_with_its_caller() {
        let mut bench = Bench::new(64);
        bench.has_company = true;
        let gone = bench.ask(b"a");
        bench.turn();
        drop(gone);
        let _kept = bench.ask(b"b");
        bench.turn();
        assert_eq!(bench.arrived().await, b"b");
    }

    /// What waits for a turn was not sent, so what comes is no reply to it.
    #[tokio::test]
    async fn what_waits_for_a_turn_gets_no_reply() {
        let mut bench = Bench::new(64);
        bench.has_company = true;
        let mut waits = bench.ask(b"a");
        bench.turn();
        bench.far.write_all(b":1\r\n").await.unwrap();
        assert!(bench.turn());
        assert!(waits.try_recv().is_err());
    }

    /// Its own limit is longer than the system's for the peer.
    #[tokio::test]
    async fn a_system_that_waited_too_long_for_the_peer_is_no_timeout_of_the_caller() {
        let (near, _far) = duplex(1);
        let stream = Stream::new(Box::new(TimesOut(near)));
        let mut driver = Driver::new(stream, Decoder::new(0));
        let (sender, mut reply) = oneshot::channel();
        driver.sent.push(Caller::One(sender));
        let queue = Queue::default();
        let cx = &mut Context::from_waker(Waker::noop());
        assert!(driver.poll(cx, &queue, || false).is_ready());
        let cause = reply.try_recv().unwrap().unwrap_err();
        assert!(cause.is_connection_dropped() && !cause.is_timeout());
    }

    /// What could not be written yet is not written at all once its caller has gone.
    #[tokio::test]
    async fn what_waits_behind_a_full_stream_is_forgotten_with_its_caller() {
        let mut bench = Bench::new(ENOUGH);
        let _large = bench.ask(&vec![b'a'; 2 * ENOUGH]);
        let gone = bench.ask(b"b");
        let _kept = bench.ask(b"c");
        bench.turn();
        drop(gone);
        let mut came = Vec::new();
        for _ in 0..4 {
            came.extend(bench.arrived().await);
            bench.turn();
        }
        assert_eq!(came.len(), 2 * ENOUGH + 1);
        assert_eq!(came[2 * ENOUGH..], *b"c");
    }

    #[tokio::test]
    async fn the_first_caller_learns_why_a_connection_ended_and_the_others_that_it_did() {
        let mut bench = Bench::new(64);
        let (mut first, mut second) = (bench.ask(b"a"), bench.ask(b"b"));
        bench.turn();
        bench.far.write_all(b"what?").await.unwrap();
        assert!(bench.turn());
        drop(bench);
        assert_eq!(first.try_recv().unwrap().unwrap_err().kind(), ErrorKind::Parse);
        assert_eq!(
            second.try_recv().unwrap_err(),
            oneshot::error::TryRecvError::Closed
        );
    }

    #[tokio::test]
    async fn the_end_of_the_stream_ends_the_connection() {
        let mut bench = Bench::new(64);
        let mut reply = bench.ask(b"a");
        bench.turn();
        let (_, far) = duplex(1);
        bench.far = far;
        assert!(bench.turn());
        assert!(reply.try_recv().unwrap().unwrap_err().is_connection_dropped());
    }

    /// The next one would go to the wrong caller.
    #[tokio::test]
    async fn a_reply_that_nobody_asked_for_ends_the_connection() {
        let mut bench = Bench::new(64);
        bench.far.write_all(b":1\r\n").await.unwrap();
        assert!(bench.turn());
    }
}
