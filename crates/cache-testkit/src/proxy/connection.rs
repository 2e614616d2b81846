//! One connection through the proxy, from its begin to its end.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::broadcast;

use crate::proxy::fault::Direction;
use crate::proxy::plan::Plan;
use crate::proxy::pump::{End, Pump};

/// Counts a connection as open as long as it lives, also if its task is dropped.
struct Open<'a>(&'a Plan);

impl<'a> Open<'a> {
    fn new(plan: &'a Plan) -> Self {
        plan.open.fetch_add(1, Ordering::Relaxed);
        Self(plan)
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Connects to the server and passes messages until the connection ends by itself or by order.
pub(super) async fn run(
    mut client: TcpStream,
    target: SocketAddr,
    plan: Arc<Plan>,
    seed: u64,
    mut orders: broadcast::Receiver<End>,
) {
    let _open = Open::new(&plan);
    let end = match TcpStream::connect(target).await {
        Ok(mut server) => {
            // Without this a delay of the system would come on top of ours. A connection that has ended tells below.
            let _ = client.set_nodelay(true);
            let _ = server.set_nodelay(true);
            let pump = |direction, salt| Pump {
                plan: &plan,
                direction,
                rng: fastrand::Rng::with_seed(seed.wrapping_mul(2).wrapping_add(salt)),
            };
            let (from_client, to_client) = client.split();
            let (from_server, to_server) = server.split();
            tokio::select! {
                end = pump(Direction::Requests, 0).run(from_client, to_server) => end,
                end = pump(Direction::Replies, 1).run(from_server, to_client) => end,
                order = orders.recv() => order.unwrap_or(End::Close),
            }
        }
        Err(_) => End::Reset,
    };
    match end {
        End::Close => {}
        End::Reset => {
            let _ = client.set_zero_linger();
        }
        End::HalfClose => {
            let _ = client.shutdown().await;
            let mut void = [0; 1024];
            while matches!(client.read(&mut void).await, Ok(1..)) {}
        }
    }
}
