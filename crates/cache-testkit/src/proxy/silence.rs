//! An address where nobody answers, not even to say no.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::timeout;

/// Longer than a connection on this machine takes.
const AT_ONCE: Duration = Duration::from_millis(100);

/// A port to which a connection is neither made nor refused: an attempt waits until the client gives up. A host that
/// is gone, or a firewall that drops packets, looks like this.
///
/// It listens, but its queue is full and nobody takes from it. Systems other than Linux may refuse instead.
#[derive(Debug)]
pub struct SilentAddress {
    listener: Arc<TcpListener>,
    queue: Vec<TcpStream>,
    answers: Option<JoinHandle<()>>,
}

impl SilentAddress {
    /// Fills the queue of a free loopback port.
    #[expect(
        clippy::missing_panics_doc,
        clippy::expect_used,
        reason = "a test fails by panicking"
    )]
    pub async fn new() -> Self {
        let socket = TcpSocket::new_v4().expect("there are sockets");
        let any = (Ipv4Addr::LOCALHOST, 0).into();
        socket.bind(any).expect("a loopback port is free");
        let listener = socket.listen(1).expect("a bound socket listens");
        let address = listener.local_addr().expect("a listener has an address");
        let mut queue = Vec::new();
        while let Ok(Ok(stream)) = timeout(AT_ONCE, TcpStream::connect(address)).await {
            queue.push(stream);
        }
        Self {
            listener: Arc::new(listener),
            queue,
            answers: None,
        }
    }

    /// Begins to take connections and to pass them on to a server.
    pub fn answer(&mut self, server: SocketAddr) {
        self.queue.clear();
        self.answers = Some(tokio::spawn(pass_on(Arc::clone(&self.listener), server)));
    }

    /// Returns the address.
    #[expect(
        clippy::missing_panics_doc,
        clippy::expect_used,
        reason = "a test fails by panicking"
    )]
    pub fn address(&self) -> SocketAddr {
        self.listener.local_addr().expect("a listener has an address")
    }
}

impl Drop for SilentAddress {
    fn drop(&mut self) {
        if let Some(answers) = &self.answers {
            answers.abort();
        }
    }
}

async fn pass_on(listener: Arc<TcpListener>, server: SocketAddr) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            Ok((mut client, _)) = listener.accept() => {
                connections.spawn(async move {
                    // One that breaks has ended, like one that is closed.
                    if let Ok(mut server) = TcpStream::connect(server).await {
                        let _ = copy_bidirectional(&mut client, &mut server).await;
                    }
                });
            }
            Some(_) = connections.join_next() => {}
        }
    }
}
