//! What can go wrong on a connection.

use std::time::Duration;

/// What happens to a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// It comes so much later. Those behind it do not wait for each other.
    Delay(Duration),
    /// It comes a byte at a time, with such a pause before each.
    Drip(Duration),
    /// It comes at so many bytes a second, 100 at least.
    Bandwidth(u32),
    /// It is held back until the proxy is healed, as by a network that loses packets for a while.
    Hold,
    /// It is lost, and so is all that follows it on the connection, for ever; nobody is told. Healing helps new
    /// connections only. A firewall that forgot the connection does this.
    BlackHole,
    /// It comes twice.
    Duplicate,
    /// It is lost; those behind it come.
    Swallow,
    /// One of its bits is another.
    Flip,
    /// Bytes of chance come in its place.
    Garbage,
    /// Half of it comes, then the end of the connection.
    Cut,
    /// Half of it comes, then the connection is reset.
    Reset,
}

/// Which way a message goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the client to the server.
    Requests,
    /// From the server to the client.
    Replies,
}

/// Which messages are harmed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// All from now on.
    Always,
    /// One in so many, by chance.
    OneIn(u32),
    /// The next so many of all connections.
    Next(u32),
}
