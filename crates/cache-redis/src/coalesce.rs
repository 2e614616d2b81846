//! Several requests in one write. Whoever asks wakes the task that writes, and the runtime runs that task next, so left
//! alone it would write each request by itself while others are about to follow: a system call and a packet for each. This
//! stream lets it go to the end of the run queue once before it writes, if others have a request under way, and what they
//! add in the meantime goes along. A caller who is alone does not wait for anybody.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::failure::TOO_MANY_CLIENTS;
use crate::screen::Screen;
use crate::transport::Transport;
use crate::wire::Observer;

/// So many bytes are written without waiting for more.
pub(crate) const ENOUGH: usize = 64 * 1024;

/// A stream to a server whose writes wait for each other, and whose replies are [screened](crate::screen).
pub(crate) struct Coalescing {
    stream: Box<dyn Transport>,
    observer: Observer,
    screen: Screen,
    /// Whether the server has said anything yet.
    is_met: bool,
    /// Whether the write that comes next has waited.
    has_waited: bool,
}

impl Coalescing {
    pub(crate) fn new(stream: Box<dyn Transport>, observer: Observer, screen: Screen) -> Self {
        Self {
            stream,
            observer,
            screen,
            is_met: false,
            has_waited: false,
        }
    }

    /// Reads what a server has said that takes nothing any more, if it says why.
    #[cold]
    fn last_word(&mut self, cx: &mut Context<'_>) -> Option<io::Error> {
        let mut room = [0; 128];
        let mut buffer = ReadBuf::new(&mut room);
        let read = Pin::new(&mut *self.stream).poll_read(cx, &mut buffer);
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

impl AsyncWrite for Coalescing {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if !self.has_waited && bytes.len() < ENOUGH && self.observer.has_company() {
            self.has_waited = true;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        self.has_waited = false;
        let written = Pin::new(&mut *self.stream).poll_write(cx, bytes);
        if let Poll::Ready(Err(_)) = &written
            && !self.is_met
            && let Some(word) = self.last_word(cx)
        {
            return Poll::Ready(Err(word));
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.stream).poll_shutdown(cx)
    }
}

impl AsyncRead for Coalescing {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        loop {
            if self.screen.give(buffer) {
                return Poll::Ready(Ok(()));
            }
            ready!(Pin::new(&mut *self.stream).poll_read(cx, buffer))?;
            let came = &buffer.filled()[before..];
            if !self.is_met {
                self.is_met = true;
                if let Some(word) = turned_away(came) {
                    return Poll::Ready(Err(word));
                }
            }
            if came.is_empty() || self.screen.passes(came) {
                return Poll::Ready(Ok(()));
            }
            self.screen.take(came);
            buffer.set_filled(before);
        }
    }
}

/// However the connection ends, what was not sent has no caller any more, or one that sends it again over the next one.
impl Drop for Coalescing {
    fn drop(&mut self) {
        self.stream.forget_unsent();
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

    use super::*;
    use crate::wire;

    impl Transport for DuplexStream {
        fn forget_unsent(&self) {}
    }

    /// Writes two bytes and says how often it was asked to wait.
    async fn waits(requests: usize) -> usize {
        let (near, mut far) = duplex(16);
        let (observer, _held) = wire::observed(requests);
        let mut stream = Coalescing::new(Box::new(near), observer, Screen::new(0));
        let mut waits = 0;
        poll_fn(|cx| {
            let written = Pin::new(&mut stream).poll_write(cx, b"ab");
            waits += usize::from(written.is_pending());
            written
        })
        .await
        .unwrap();
        stream.flush().await.unwrap();
        let mut came = [0; 2];
        far.read_exact(&mut came).await.unwrap();
        assert_eq!(&came, b"ab");
        waits
    }

    #[tokio::test]
    async fn a_caller_who_is_alone_does_not_wait() {
        assert_eq!(waits(1).await, 0);
    }

    #[tokio::test]
    async fn one_of_several_callers_lets_the_others_go_first_once() {
        assert_eq!(waits(2).await, 1);
    }

    #[tokio::test]
    async fn enough_is_written_at_once() {
        let (near, _far) = duplex(16);
        let (observer, _held) = wire::observed(2);
        let mut stream = Coalescing::new(Box::new(near), observer, Screen::new(0));
        let bytes = vec![0; ENOUGH];
        let written = poll_fn(|cx| Poll::Ready(Pin::new(&mut stream).poll_write(cx, &bytes))).await;
        assert!(written.is_ready());
    }

    /// A server that takes no more clients says so before it is asked, and ends the connection.
    const NO_MORE: &[u8] = b"-ERR max number of clients reached\r\n";

    async fn read(stream: &mut Coalescing) -> io::Result<Vec<u8>> {
        let mut room = [0; 256];
        let read = stream.read(&mut room).await?;
        Ok(room[..read].to_vec())
    }

    #[tokio::test]
    async fn the_word_of_a_server_that_takes_no_more_clients_is_heard() {
        let (near, mut far) = duplex(256);
        let (observer, _held) = wire::observed(1);
        let mut stream = Coalescing::new(Box::new(near), observer, Screen::new(0));
        far.write_all(NO_MORE).await.unwrap();
        let error = read(&mut stream).await.unwrap_err();
        assert_eq!(error.to_string(), TOO_MANY_CLIENTS);
    }

    #[tokio::test]
    async fn it_is_heard_too_if_the_connection_has_ended_meanwhile() {
        let (near, mut far) = duplex(256);
        let (observer, _held) = wire::observed(1);
        let mut stream = Coalescing::new(Box::new(near), observer, Screen::new(0));
        far.write_all(NO_MORE).await.unwrap();
        drop(far);
        let error = stream.write_all(b"ab").await.unwrap_err();
        assert_eq!(error.to_string(), TOO_MANY_CLIENTS);
    }

    #[tokio::test]
    async fn the_same_words_as_a_later_answer_are_an_answer() {
        let (near, mut far) = duplex(256);
        let (observer, _held) = wire::observed(1);
        let mut stream = Coalescing::new(Box::new(near), observer, Screen::new(0));
        far.write_all(b"+OK\r\n").await.unwrap();
        assert_eq!(read(&mut stream).await.unwrap(), b"+OK\r\n");
        far.write_all(NO_MORE).await.unwrap();
        assert_eq!(read(&mut stream).await.unwrap(), NO_MORE);
    }
}
