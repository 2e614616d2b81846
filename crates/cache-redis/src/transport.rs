//! How bytes get to one server: by TCP, under TLS, or by a unix socket. The client library opens sockets too, but the ones
//! that it opens cannot be told to forget what they
//! have not sent ([`wire`](crate::wire)), and it reads the authorities of the system from disk each time.

use std::io;
use std::time::Duration;

#[cfg(feature = "sentinel")]
use deadpool_redis::redis::io::tcp::TcpSettings;
use deadpool_redis::redis::io::tcp::socket2::{SockRef, TcpKeepalive};
use deadpool_redis::redis::{ConnectionAddr, RedisResult};
use futures_util::future::select_ok;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, lookup_host};

/// Silence on a connection for so long makes the kernel ask whether the other side is there.
const KEEPALIVE: Duration = Duration::from_secs(15);
/// Between two such questions, and how many may remain unanswered.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(5);
const KEEPALIVE_RETRIES: u32 = 3;
/// Bytes that were sent and not acknowledged for so long end the connection.
#[cfg(any(target_os = "linux", target_os = "android"))]
const USER_TIMEOUT: Duration = Duration::from_secs(10);

/// A stream of bytes to a server.
pub(crate) trait Transport: AsyncRead + AsyncWrite + Send + Unpin {
    /// Makes the close that follows throw away what was written and has not left this machine.
    fn forget_unsent(&self);
}

impl Transport for TcpStream {
    fn forget_unsent(&self) {
        // If it fails the socket has nothing to send any more.
        drop(self.set_zero_linger());
    }
}

#[cfg(feature = "tls")]
impl Transport for tokio_rustls::client::TlsStream<TcpStream> {
    fn forget_unsent(&self) {
        self.get_ref().0.forget_unsent();
    }
}

#[cfg(unix)]
impl Transport for tokio::net::UnixStream {
    /// What was written to one is at the server already.
    fn forget_unsent(&self) {}
}

/// What secures a connection, if anything does.
#[cfg(feature = "tls")]
pub(crate) type Security = Option<tokio_rustls::TlsConnector>;
#[cfg(not(feature = "tls"))]
pub(crate) struct Security;

/// Opens a stream to a server.
pub(crate) async fn open(address: &ConnectionAddr, security: &Security) -> RedisResult<Box<dyn Transport>> {
    #[cfg(not(feature = "tls"))]
    let Security = security;
    match address {
        #[cfg(feature = "tls")]
        ConnectionAddr::Tcp(host, port) | ConnectionAddr::TcpTls { host, port, .. } => {
            let stream = connect(host, *port).await?;
            let Some(tls) = security else {
                return Ok(Box::new(stream));
            };
            let name = rustls::pki_types::ServerName::try_from(host.as_str())?.to_owned();
            Ok(Box::new(tls.connect(name, stream).await?))
        }
        #[cfg(not(feature = "tls"))]
        ConnectionAddr::Tcp(host, port) => Ok(Box::new(connect(host, *port).await?)),
        #[cfg(unix)]
        ConnectionAddr::Unix(path) => Ok(Box::new(tokio::net::UnixStream::connect(path).await?)),
        _ => Err(io::Error::from(io::ErrorKind::Unsupported).into()),
    }
}

/// Connects to all addresses of a host and takes the first that answers.
async fn connect(host: &str, port: u16) -> io::Result<TcpStream> {
    let addresses = lookup_host((host, port)).await?;
    let attempts: Vec<_> = addresses
        .map(|address| Box::pin(TcpStream::connect(address)))
        .collect();
    if attempts.is_empty() {
        return Err(io::Error::new(io::ErrorKind::NotFound, "the host has no address"));
    }
    let (stream, _) = select_ok(attempts).await?;
    stream.set_nodelay(true)?;
    let socket = SockRef::from(&stream);
    socket.set_tcp_keepalive(&keepalive())?;
    #[cfg(any(target_os = "linux", target_os = "android"))]
    socket.set_tcp_user_timeout(Some(USER_TIMEOUT))?;
    Ok(stream)
}

fn keepalive() -> TcpKeepalive {
    TcpKeepalive::new()
        .with_time(KEEPALIVE)
        .with_interval(KEEPALIVE_INTERVAL)
        .with_retries(KEEPALIVE_RETRIES)
}

/// Returns the same for the sockets that the client library opens: those to Sentinels.
#[cfg(feature = "sentinel")]
pub(crate) fn settings() -> TcpSettings {
    let settings = TcpSettings::default()
        .set_nodelay(true)
        .set_keepalive(keepalive());
    #[cfg(any(target_os = "linux", target_os = "android"))]
    let settings = settings.set_user_timeout(USER_TIMEOUT);
    settings
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    #[cfg(feature = "sentinel")]
    #[test]
    fn those_that_the_client_library_opens_are_told_the_same() {
        let settings = settings();
        assert!(settings.nodelay());
        let told = settings.keepalive().unwrap();
        assert_eq!(format!("{told:?}"), format!("{:?}", keepalive()));
        #[cfg(any(target_os = "linux", target_os = "android"))]
        assert_eq!(settings.user_timeout(), Some(USER_TIMEOUT));
    }

    #[tokio::test]
    async fn a_connection_sends_at_once_and_notices_a_dead_peer() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let stream = connect("127.0.0.1", listener.local_addr().unwrap().port())
            .await
            .unwrap();
        assert!(stream.nodelay().unwrap());
        let socket = SockRef::from(&stream);
        assert!(socket.keepalive().unwrap());
        #[cfg(target_os = "linux")]
        {
            assert_eq!(socket.tcp_keepalive_time().unwrap(), KEEPALIVE);
            assert_eq!(socket.tcp_keepalive_interval().unwrap(), KEEPALIVE_INTERVAL);
            assert_eq!(socket.tcp_keepalive_retries().unwrap(), KEEPALIVE_RETRIES);
            assert_eq!(socket.tcp_user_timeout().unwrap(), Some(USER_TIMEOUT));
        }
    }
}
