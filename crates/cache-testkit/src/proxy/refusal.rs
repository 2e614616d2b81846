//! An address where nobody listens, for as long as a test needs that.

use std::net::{Ipv4Addr, SocketAddr};

use tokio::net::TcpSocket;

/// A port that refuses connections. It is kept, so that no other test gets a server there.
#[derive(Debug)]
pub struct RefusingAddress {
    bound: TcpSocket,
}

impl RefusingAddress {
    /// Takes a free loopback port.
    #[expect(
        clippy::missing_panics_doc,
        clippy::expect_used,
        reason = "a test fails by panicking"
    )]
    #[expect(
        clippy::new_without_default,
        reason = "it takes a port, which a default does not"
    )]
    pub fn new() -> Self {
        let bound = TcpSocket::new_v4().expect("there are sockets");
        let any = (Ipv4Addr::LOCALHOST, 0).into();
        bound.bind(any).expect("a loopback port is free");
        Self { bound }
    }

    /// Returns the address.
    #[expect(
        clippy::missing_panics_doc,
        clippy::expect_used,
        reason = "a test fails by panicking"
    )]
    pub fn address(&self) -> SocketAddr {
        self.bound.local_addr().expect("a bound socket has an address")
    }
}
