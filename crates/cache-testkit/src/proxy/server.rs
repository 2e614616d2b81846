//! The proxy itself: where clients connect, and what tests tell it.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::net::TcpListener;
use tokio::sync::broadcast;
use tokio::task::{JoinHandle, JoinSet};

use crate::proxy::connection;
use crate::proxy::fault::{Direction, Fault, When};
use crate::proxy::plan::Plan;
use crate::proxy::pump::End;

/// A proxy to one server. Dropping it ends all its connections.
#[derive(Debug)]
pub struct FaultProxy {
    address: SocketAddr,
    plan: Arc<Plan>,
    orders: broadcast::Sender<End>,
    task: JoinHandle<()>,
}

impl FaultProxy {
    /// Starts a proxy on a free loopback port, in the runtime of the test. It does no harm yet. What chance decides
    /// on a connection follows from the seed and the number of the connection.
    #[expect(
        clippy::missing_panics_doc,
        clippy::expect_used,
        reason = "a test fails by panicking"
    )]
    pub async fn start(target: SocketAddr, seed: u64) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
        let listener = listener.expect("a loopback port is free");
        let address = listener.local_addr().expect("a listener has an address");
        let plan = Arc::new(Plan::default());
        let (orders, _) = broadcast::channel(16);
        let task = tokio::spawn(accept(listener, target, seed, Arc::clone(&plan), orders.clone()));
        Self {
            address,
            plan,
            orders,
            task,
        }
    }

    /// Returns where clients connect.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns the URL for a Redis client, without TLS and without a user.
    pub fn url(&self) -> String {
        format!("redis://{}", self.address)
    }

    /// Harms messages of a direction from now on, in the place of what happened to that direction before.
    pub fn harm(&self, direction: Direction, fault: Fault, when: When) {
        self.plan.set(direction, Some((fault, when)));
    }

    /// Harms all replies from now on.
    pub fn replies(&self, fault: Fault) {
        self.harm(Direction::Replies, fault, When::Always);
    }

    /// Harms all requests from now on.
    pub fn requests(&self, fault: Fault) {
        self.harm(Direction::Requests, fault, When::Always);
    }

    /// Ends all harm. What is held back comes now.
    pub fn heal(&self) {
        self.plan.set(Direction::Requests, None);
        self.plan.set(Direction::Replies, None);
    }

    /// Closes all connections in order, as a server does that finds them idle.
    pub fn cut(&self) {
        self.order(End::Close);
    }

    /// Resets all connections.
    pub fn reset(&self) {
        self.order(End::Reset);
    }

    /// Ends all connections towards the client, which may still send.
    pub fn half_close(&self) {
        self.order(End::HalfClose);
    }

    /// Returns how many connections came since the start.
    pub fn accepted(&self) -> usize {
        self.plan.accepted.load(Ordering::Relaxed)
    }

    /// Returns how many connections there are now.
    pub fn open(&self) -> usize {
        self.plan.open.load(Ordering::Relaxed)
    }

    /// Returns how many messages were harmed since the start, so that a test can show that some were.
    pub fn harmed(&self) -> usize {
        self.plan.harmed.load(Ordering::Relaxed)
    }

    fn order(&self, end: End) {
        // Without a connection nobody listens.
        let _ = self.orders.send(end);
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(
    listener: TcpListener,
    target: SocketAddr,
    seed: u64,
    plan: Arc<Plan>,
    orders: broadcast::Sender<End>,
) {
    let mut connections = JoinSet::new();
    loop {
        let client: io::Result<_> = tokio::select! {
            client = listener.accept() => client,
            Some(_) = connections.join_next() => continue,
        };
        // A client that is gone before it was accepted needs nothing.
        let Ok((client, _)) = client else { continue };
        let number = plan.accepted.fetch_add(1, Ordering::Relaxed) as u64;
        let seed = seed.wrapping_add(number);
        connections.spawn(connection::run(
            client,
            target,
            Arc::clone(&plan),
            seed,
            orders.subscribe(),
        ));
    }
}
