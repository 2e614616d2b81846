//! The first words over a new connection. The client library says them, since it knows how: user, password, database, protocol. It
//! is lent the stream for so long, and hears what a server says that takes no more clients.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use deadpool_redis::redis::aio::MultiplexedConnection;
use deadpool_redis::redis::{RedisConnectionInfo, RedisResult};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::failure::TOO_MANY_CLIENTS;
use crate::transport::Transport;

/// A greeting is not longer than this, whatever a server says.
const LONGEST: usize = 1024 * 1024;

/// A stream that throws away what it has not sent when it is dropped: however a connection ends, that has no caller any more, or one
/// that sends it again over the next one.
pub(crate) struct Stream(Box<dyn Transport>);

impl Stream {
    pub(crate) fn new(transport: Box<dyn Transport>) -> Self {
        Self(transport)
    }

    /// Returns what bytes are read from and written to.
    #[inline]
    pub(crate) fn pinned(&mut self) -> Pin<&mut dyn Transport> {
        Pin::new(&mut *self.0)
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.0.forget_unsent();
    }
}

/// Says hello over a new stream.
pub(crate) async fn greet(stream: Stream, info: &RedisConnectionInfo) -> RedisResult<Stream> {
    let lent = Arc::new(Mutex::new(Some(stream)));
    let lender = Lent {
        stream: Arc::clone(&lent),
        read: 0,
    };
    // What it makes of the stream is a connection of its own, which nobody runs and which ends here: all that it asked is answered.
    drop(MultiplexedConnection::new(info, lender).await?);
    let stream = locked(&lent).take();
    stream.ok_or_else(|| io::Error::from(io::ErrorKind::NotConnected).into())
}

/// A stream that somebody uses for a while.
struct Lent {
    stream: Arc<Mutex<Option<Stream>>>,
    /// How much the server has said.
    read: usize,
}

fn locked(stream: &Mutex<Option<Stream>>) -> MutexGuard<'_, Option<Stream>> {
    stream.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Lent {
    fn with<T>(
        &self,
        act: impl FnOnce(Pin<&mut dyn Transport>) -> Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        match &mut *locked(&self.stream) {
            Some(stream) => act(stream.pinned()),
            None => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
        }
    }

    /// Reads what a server has said that takes nothing any more, if it says why.
    #[cold]
    fn last_word(&self, cx: &mut Context<'_>) -> Option<io::Error> {
        let mut room = [0; 128];
        let mut buffer = ReadBuf::new(&mut room);
        let read = self.with(|stream| stream.poll_read(cx, &mut buffer));
        read.is_ready().then(|| turned_away(buffer.filled()))?
    }
}

/// Says whether the first words of a server are that it takes no more clients. They answer no request, and the client library
/// would take them for the answer to one whose answer it ignores.
fn turned_away(words: &[u8]) -> Option<io::Error> {
    let says_so = words.starts_with(b"-ERR") && find(words, TOO_MANY_CLIENTS.as_bytes());
    says_so.then(|| io::Error::other(TOO_MANY_CLIENTS))
}

fn find(words: &[u8], some: &[u8]) -> bool {
    words.windows(some.len()).any(|window| window == some)
}

impl AsyncWrite for Lent {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = self.with(|stream| stream.poll_write(cx, bytes));
        if let Poll::Ready(Err(_)) = &written
            && self.read == 0
            && let Some(word) = self.last_word(cx)
        {
            return Poll::Ready(Err(word));
        }
        written
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.with(|stream| stream.poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.with(|stream| stream.poll_shutdown(cx))
    }
}

impl AsyncRead for Lent {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(self.with(|stream| stream.poll_read(cx, buffer)))?;
        let came = &buffer.filled()[before..];
        if self.read == 0
            && let Some(word) = turned_away(came)
        {
            return Poll::Ready(Err(word));
        }
        self.read += came.len();
        if self.read > LONGEST {
            return Poll::Ready(Err(io::ErrorKind::InvalidData.into()));
        }
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

    use super::*;

    impl Transport for DuplexStream {
        fn forget_unsent(&self) {}
    }

    /// A server that takes no more clients says so before it is asked, and ends the connection.
    const NO_MORE: &[u8] = b"-ERR max number of clients reached\r\n";

    fn lent() -> (Lent, DuplexStream) {
        let (near, far) = duplex(256);
        let stream = Arc::new(Mutex::new(Some(Stream::new(Box::new(near)))));
        (Lent { stream, read: 0 }, far)
    }

    async fn read(stream: &mut Lent) -> io::Result<Vec<u8>> {
        let mut room = [0; 256];
        let read = stream.read(&mut room).await?;
        Ok(room[..read].to_vec())
    }

    #[tokio::test]
    async fn the_word_of_a_server_that_takes_no_more_clients_is_heard() {
        let (mut stream, mut far) = lent();
        far.write_all(NO_MORE).await.unwrap();
        let error = read(&mut stream).await.unwrap_err();
        assert_eq!(error.to_string(), TOO_MANY_CLIENTS);
    }

    #[tokio::test]
    async fn it_is_heard_too_if_the_connection_has_ended_meanwhile() {
        let (mut stream, mut far) = lent();
        far.write_all(NO_MORE).await.unwrap();
        drop(far);
        let error = stream.write_all(b"ab").await.unwrap_err();
        assert_eq!(error.to_string(), TOO_MANY_CLIENTS);
    }

    #[tokio::test]
    async fn the_same_words_as_a_later_answer_are_an_answer() {
        let (mut stream, mut far) = lent();
        far.write_all(b"+OK\r\n").await.unwrap();
        assert_eq!(read(&mut stream).await.unwrap(), b"+OK\r\n");
        far.write_all(NO_MORE).await.unwrap();
        assert_eq!(read(&mut stream).await.unwrap(), NO_MORE);
    }
}
