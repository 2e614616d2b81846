//! What ends the service other than being asked to, and the exit code that it ends with.

use std::error::Error;
use std::fmt;
use std::io;
use std::net::SocketAddr;

use access_trace::TraceError;
use cache_core::{CacheError, ErrorKind};
use cache_factory::{ConfigError, ConfigErrors};
use metrics_exporter_prometheus::BuildError;

use crate::source::DataError;

/// The exit code of a setting that is wrong, as of the usual command line tools.
const USAGE: u8 = 2;
/// The exit code of a process that a signal ended, as a shell gives it for SIGINT.
const INTERRUPTED: u8 = 130;

#[derive(Debug)]
pub(crate) enum Failure {
    /// The command line or the environment is wrong, in these words.
    Usage(String),
    Trace(TraceError),
    Data(DataError),
    Config(ConfigErrors),
    Cache(CacheError),
    Exporter(BuildError),
    Listen(SocketAddr, io::Error),
    Serve(io::Error),
    /// The operating system refuses something that every service needs.
    System(&'static str, io::Error),
    /// A second signal came before the first was done with.
    Interrupted,
}

impl Failure {
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::Usage(_) | Self::Trace(_) | Self::Config(_) => USAGE,
            Self::Cache(error) => match error.kind() {
                ErrorKind::InvalidLimit | ErrorKind::InvalidTtl | ErrorKind::InvalidConfig => USAGE,
                _ => 1,
            },
            Self::Interrupted => INTERRUPTED,
            _ => 1,
        }
    }

    /// Returns the message and those of all causes, on one line.
    pub(crate) fn one_line(&self) -> String {
        let mut text = self.to_string();
        let mut cause = self.source();
        while let Some(error) = cause {
            text = format!("{text}: {error}");
            cause = error.source();
        }
        text.lines().map(str::trim).collect::<Vec<_>>().join(" ")
    }
}

/// Returns what is wrong, but what is wrong with one flag only for the first of the caches that it is for.
fn told_once(errors: &ConfigErrors) -> Vec<&ConfigError> {
    let mut told: Vec<&ConfigError> = Vec::new();
    for error in errors.iter() {
        let is_of_a_flag = error.origin().is_some_and(|origin| origin.starts_with("--"));
        let is_same =
            |other: &&ConfigError| (other.origin(), other.message()) == (error.origin(), error.message());
        if !(is_of_a_flag && told.iter().any(is_same)) {
            told.push(error);
        }
    }
    told
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(message) => f.write_str(message),
            Self::Trace(error) => error.fmt(f),
            Self::Data(error) => error.fmt(f),
            Self::Config(errors) => match told_once(errors).as_slice() {
                [one] => one.fmt(f),
                several => {
                    write!(f, "{} settings are wrong:", several.len())?;
                    several
                        .iter()
                        .zip(1..)
                        .try_for_each(|(error, number)| write!(f, " ({number}) {error}"))
                }
            },
            Self::Cache(error) => error.fmt(f),
            Self::Exporter(_) => f.write_str("the Prometheus recorder cannot be installed"),
            Self::Listen(address, _) => {
                write!(
                    f,
                    "cannot listen on {address}; choose another address or port with --listen"
                )
            }
            Self::Serve(_) => f.write_str("serving HTTP ended"),
            Self::System(what, _) => f.write_str(what),
            Self::Interrupted => f.write_str("stopped at once by a second signal"),
        }
    }
}

impl Error for Failure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Usage(_) | Self::Config(_) | Self::Interrupted => None,
            Self::Trace(error) => error.source(),
            Self::Data(error) => error.source(),
            Self::Cache(error) => error.source(),
            Self::Exporter(error) => Some(error),
            Self::Listen(_, error) | Self::Serve(error) | Self::System(_, error) => Some(error),
        }
    }
}

impl From<TraceError> for Failure {
    fn from(error: TraceError) -> Self {
        Self::Trace(error)
    }
}

impl From<DataError> for Failure {
    fn from(error: DataError) -> Self {
        Self::Data(error)
    }
}

impl From<ConfigErrors> for Failure {
    fn from(errors: ConfigErrors) -> Self {
        Self::Config(errors)
    }
}

impl From<CacheError> for Failure {
    fn from(error: CacheError) -> Self {
        Self::Cache(error)
    }
}

impl From<BuildError> for Failure {
    fn from(error: BuildError) -> Self {
        Self::Exporter(error)
    }
}
