//! A proxy between a client and a server that harms what goes through it, in a way that a seed repeats.
//!
//! ```no_run
//! use std::time::Duration;
//! use cache_testkit::proxy::{Direction, Fault, FaultProxy, When};
//! use cache_testkit::servers::RedisServer;
//!
//! # async fn example() {
//! let server = RedisServer::builder().start();
//! let proxy = FaultProxy::start(server.address(), 7).await;
//! let url = format!("redis://{}", proxy.address()); // For the client under test.
//! proxy.replies(Fault::Delay(Duration::from_millis(300)));
//! proxy.harm(Direction::Replies, Fault::Flip, When::OneIn(10));
//! proxy.heal();
//! proxy.reset(); // All connections, now.
//! # }
//! ```
//!
//! It understands where a message of the Redis protocol ends, so that one reply can be lost or come twice while the
//! connection goes on. Of other protocols, TLS for one, it takes what comes at once for a message.
//!
//! A [`RefusingAddress`] is where nobody listens, a [`SilentAddress`] where connections are not even refused.

mod connection;
mod fault;
mod frame;
mod plan;
mod pump;
mod refusal;
mod server;
mod silence;

pub use self::fault::{Direction, Fault, When};
pub use self::refusal::RefusingAddress;
pub use self::server::FaultProxy;
pub use self::silence::SilentAddress;
