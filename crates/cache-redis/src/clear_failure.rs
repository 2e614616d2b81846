//! What ends a clear early, and what that says of its connection, of the server and of the nodes of a Cluster.

use cache_core::CacheError;
use deadpool_redis::redis::RedisError;

use crate::failure::{self, Damage};

/// What ended a clear.
pub(crate) enum Failed {
    /// A request failed.
    Request(RedisError),
    /// Nodes of a Cluster could not be cleared, by these names, and how the first failed.
    #[cfg(feature = "cluster")]
    Nodes(Vec<String>, RedisError),
    /// Slots of a Cluster moved in every pass over its nodes, so that no pass has seen all keys.
    #[cfg(feature = "cluster")]
    Restless,
}

impl Failed {
    pub(crate) fn from_timeout() -> Self {
        Self::Request(std::io::Error::from(std::io::ErrorKind::TimedOut).into())
    }

    /// Says whether the time was not enough.
    #[cfg(feature = "cluster")]
    pub(crate) fn is_timeout(&self) -> bool {
        match self {
            Self::Request(cause) | Self::Nodes(_, cause) => cause.is_timeout(),
            Self::Restless => false,
        }
    }

    /// Says whether it tells which nodes of a Cluster it was.
    pub(crate) fn names_nodes(&self) -> bool {
        match self {
            Self::Request(_) => false,
            #[cfg(feature = "cluster")]
            Self::Nodes(..) => true,
            #[cfg(feature = "cluster")]
            Self::Restless => false,
        }
    }

    pub(crate) fn damage(&self) -> Damage {
        match self {
            Self::Request(cause) => failure::damage(cause),
            #[cfg(feature = "cluster")]
            Self::Nodes(_, cause) => failure::damage(cause),
            #[cfg(feature = "cluster")]
            Self::Restless => Damage::None,
        }
    }
}

/// How a clear failed.
pub(crate) struct Failure {
    pub(crate) error: CacheError,
    /// Whether that speaks against the server. A pool without a free connection does not, nor does a node of a Cluster
    /// against the others, which the next clear reaches.
    pub(crate) of_server: bool,
}

impl From<CacheError> for Failure {
    fn from(error: CacheError) -> Self {
        Self {
            error,
            of_server: true,
        }
    }
}

impl From<Failed> for Failure {
    fn from(failed: Failed) -> Self {
        Self {
            of_server: matches!(failed, Failed::Request(_)),
            error: failed.into(),
        }
    }
}

impl From<RedisError> for Failed {
    fn from(cause: RedisError) -> Self {
        Self::Request(cause)
    }
}

impl From<Failed> for CacheError {
    fn from(failed: Failed) -> Self {
        match failed {
            Failed::Request(cause) => failure::of(&cause),
            #[cfg(feature = "cluster")]
            Failed::Nodes(nodes, cause) => failure::not_cleared(&nodes, &cause),
            #[cfg(feature = "cluster")]
            Failed::Restless => failure::slots_kept_moving(),
        }
    }
}
