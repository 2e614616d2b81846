//! One direction of one connection: it reads messages, decides what happens to each, and writes what is left.

use std::future;
use std::io;
use std::time::Duration;

use bytes::BytesMut;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::{Instant, sleep, sleep_until};

use crate::proxy::fault::{Direction, Fault};
use crate::proxy::frame;
use crate::proxy::plan::Plan;

/// How a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// Both sides are closed in order.
    Close,
    /// The client sees a reset.
    Reset,
    /// The client sees an end, but may go on to send into the void.
    HalfClose,
}

/// What is to be written, and how.
struct Parcel {
    due: Instant,
    bytes: BytesMut,
    fault: Option<Fault>,
}

/// What a direction of a connection knows.
pub(super) struct Pump<'a> {
    pub(super) plan: &'a Plan,
    pub(super) direction: Direction,
    pub(super) rng: fastrand::Rng,
}

impl Pump<'_> {
    /// Runs until one side ends the direction or a fault ends the connection.
    pub(super) async fn run(mut self, from: ReadHalf<'_>, to: WriteHalf<'_>) -> End {
        let (parcels, queue) = unbounded_channel();
        let (plan, direction) = (self.plan, self.direction);
        let read = async {
            // A connection that breaks has ended, like one that is closed.
            let _ = self.read(from, parcels).await;
            future::pending().await
        };
        tokio::select! {
            end = write(plan, direction, to, queue) => end.unwrap_or(End::Close),
            never = read => never,
        }
    }

    async fn read(&mut self, mut from: ReadHalf<'_>, parcels: UnboundedSender<Parcel>) -> io::Result<()> {
        let mut buffer = BytesMut::new();
        let mut framed = None;
        let mut dead = false;
        while from.read_buf(&mut buffer).await? > 0 {
            let framed = *framed.get_or_insert_with(|| frame::is_beginning(&buffer));
            loop {
                let len = if framed {
                    frame::len(&buffer)
                } else {
                    Some(buffer.len())
                };
                let Some(len) = len.filter(|len| *len > 0) else {
                    break;
                };
                let bytes = buffer.split_to(len);
                let fault = self.plan.decide(self.direction, &mut self.rng);
                dead |= fault == Some(Fault::BlackHole);
                if !dead {
                    self.pass(bytes, fault, &parcels);
                }
            }
        }
        Ok(())
    }

    /// Puts what is left of a message into the queue.
    fn pass(&mut self, mut bytes: BytesMut, fault: Option<Fault>, parcels: &UnboundedSender<Parcel>) {
        let mut delay = Duration::ZERO;
        let mut times = 1;
        match fault {
            Some(Fault::Delay(time)) => delay = time,
            Some(Fault::Duplicate) => times = 2,
            Some(Fault::Swallow) => times = 0,
            Some(Fault::Flip) => {
                let at = self.rng.usize(0..bytes.len());
                bytes[at] ^= 1 << self.rng.u8(0..8);
            }
            Some(Fault::Garbage) => self.rng.fill(&mut bytes),
            Some(Fault::Cut | Fault::Reset) => bytes.truncate(bytes.len() / 2),
            _ => {}
        }
        for _ in 0..times {
            // If the writer is gone, so is the connection.
            let _ = parcels.send(Parcel {
                due: Instant::now() + delay,
                bytes: bytes.clone(),
                fault,
            });
        }
    }
}

async fn write(
    plan: &Plan,
    direction: Direction,
    mut to: WriteHalf<'_>,
    mut queue: UnboundedReceiver<Parcel>,
) -> io::Result<End> {
    while let Some(Parcel { due, bytes, fault }) = queue.recv().await {
        sleep_until(due).await;
        let slow = match fault {
            Some(Fault::Drip(pause)) => Some((1, pause)),
            Some(Fault::Bandwidth(rate)) => Some(((rate / 100).max(1) as usize, Duration::from_millis(10))),
            Some(Fault::Hold) => {
                plan.held_back(direction).await;
                None
            }
            _ => None,
        };
        let Some((step, pause)) = slow else {
            to.write_all(&bytes).await?;
            match fault {
                Some(Fault::Cut) => return Ok(End::Close),
                Some(Fault::Reset) => return Ok(End::Reset),
                _ => continue,
            }
        };
        for chunk in bytes.chunks(step) {
            // Once healed, the rest comes at once.
            if fault.is_some_and(|fault| plan.is(direction, fault)) {
                sleep(pause).await;
            }
            to.write_all(chunk).await?;
        }
    }
    Ok(End::Close)
}
