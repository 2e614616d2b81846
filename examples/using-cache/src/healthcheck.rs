//! Asks a running service whether it lives, for container engines: a slim image has no other program that could. It does
//! not ask whether Redis is well: restarting the service would not help that.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::time::Duration;

use crate::failure::Failure;

/// How long each step may take. Engines give the whole check some seconds.
const PATIENCE: Duration = Duration::from_secs(2);

/// Returns when the service that listens there says that it lives.
pub(crate) fn run(listen: SocketAddr) -> Result<(), Failure> {
    let unwell = |error| Failure::System("the service does not answer", error);
    let status = status(reachable(listen)).map_err(unwell)?;
    if status.split(' ').nth(1) == Some("200") {
        return Ok(());
    }
    Err(unwell(io::Error::other(format!(
        "it answers {:?}",
        status.trim_end()
    ))))
}

/// A service that listens on every address is asked on loopback.
fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}

/// Returns the first line of the answer to `GET /health/live`.
fn status(address: SocketAddr) -> io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    write!(
        stream,
        "GET /health/live HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n"
    )?;
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line)?;
    Ok(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_that_listens_on_every_address_is_asked_on_loopback() {
        for (listen, asked) in [
            ("0.0.0.0:80", "127.0.0.1:80"),
            ("[::]:80", "[::1]:80"),
            ("10.0.0.7:80", "10.0.0.7:80"),
        ] {
            assert_eq!(reachable(listen.parse().unwrap()).to_string(), asked);
        }
    }
}
