//! Free ports for servers.

use std::collections::HashSet;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::{Mutex, PoisonError};

/// Ports are taken from here. They lie below those that the system gives to outgoing connections: one of those could
/// take the port of a server while it restarts, and a client that connects to such a port of its own machine may even
/// meet itself.
const RANGE: std::ops::Range<u16> = 12_000..22_000;

/// How far the port of the cluster bus is from that of the clients.
const BUS: u16 = 10_000;

/// What this process has handed out, so that two servers which start at once do not get the same.
static TAKEN: Mutex<Option<HashSet<u16>>> = Mutex::new(None);

/// Returns a loopback port that nobody listens on, and that neither an outgoing connection nor another call of this process
/// gets. Another process may be quicker, so a server that finds it taken has to try again with another.
pub fn free_port() -> u16 {
    let mut taken = TAKEN.lock().unwrap_or_else(PoisonError::into_inner);
    let taken = taken.get_or_insert_default();
    loop {
        let port = fastrand::u16(RANGE);
        // Of a node of a Cluster the bus needs one too.
        if !taken.contains(&port) && is_free(port) && is_free(port + BUS) {
            taken.insert(port);
            return port;
        }
    }
}

fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}
