//! The settings: each is a flag, has an environment variable for containers, a default, and a line in `--help`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use access_trace::Format;
use cache_core::Expiration;
use cache_factory::Secret;
use cache_memory::EvictionPolicy;
use clap::{Parser, Subcommand};
use tracing_subscriber::EnvFilter;

use crate::logging::LogFormat;
use crate::values;

/// The settings of the service. `Args::command()` describes them, which the tests compare with the README.
#[derive(Clone, Debug, Parser)]
#[command(name = "using-cache", version, disable_help_subcommand = true)]
#[command(
    about = "A catalogue of products over a slow source, with a cache in front of it and metrics of both."
)]
#[command(
    after_help = "On memory, which is the default, everything runs in this process: no server is needed. Stop it with Ctrl-C or SIGTERM."
)]
pub struct Args {
    /// Where to serve HTTP; port 0 takes a free one
    #[arg(
        long,
        value_name = "IP:PORT",
        env = "CACHE_EXAMPLE_LISTEN",
        default_value = "127.0.0.1:8080"
    )]
    #[arg(value_parser = values::address)]
    pub(crate) listen: SocketAddr,

    /// Requests per second that the service makes to itself; 0 for none
    #[arg(long, value_name = "NUMBER", env = "CACHE_EXAMPLE_RATE", default_value = "50")]
    #[arg(value_parser = values::rate, allow_negative_numbers = true)]
    pub(crate) rate: u32,

    /// Take the ids of that traffic from a recorded access trace, over and over, instead of a Zipf distribution
    #[arg(long, value_name = "FILE", env = "CACHE_EXAMPLE_TRACE")]
    pub(crate) trace: Option<PathBuf>,

    /// How the trace is encoded: i32, i64 or lines [default: by the file's name]
    #[arg(
        long,
        value_name = "FORMAT",
        env = "CACHE_EXAMPLE_TRACE_FORMAT",
        requires = "trace"
    )]
    pub(crate) trace_format: Option<Format>,

    /// A file that describes the caches, in TOML, for what it does not leave as it is; see the README
    #[arg(long, value_name = "FILE", env = "CACHE_EXAMPLE_CONFIG")]
    pub(crate) config: Option<PathBuf>,

    /// Where the caches live: memory or redis [default: memory]
    #[arg(long, value_name = "BACKEND", env = "CACHE_EXAMPLE_BACKEND")]
    pub(crate) backend: Option<String>,

    /// Where the Redis server is, as a URL; without --backend it chooses redis
    #[arg(
        long,
        value_name = "URL",
        env = "CACHE_EXAMPLE_REDIS_URL",
        hide_env_values = true
    )]
    pub(crate) redis_url: Option<Secret>,

    /// Do not start, and do not count as ready, while the caches do not answer
    #[arg(long, env = "CACHE_EXAMPLE_REQUIRED")]
    pub(crate) required: bool,

    /// The most products that a cache in memory holds; 0 for no limit [default: 500]
    #[arg(long, value_name = "NUMBER", env = "CACHE_EXAMPLE_MAX_ITEMS")]
    #[arg(value_parser = values::whole, allow_negative_numbers = true)]
    pub(crate) max_items: Option<u64>,

    /// How long a product stays in the cache, such as 500ms, 30s, 5m or 1h; never or 0 for no end [default: 30s]
    #[arg(long, value_name = "DURATION", env = "CACHE_EXAMPLE_TTL")]
    #[arg(value_parser = values::ttl)]
    pub(crate) ttl: Option<Expiration>,

    /// How long after its life a product or a search may still be given while the source is down; 0s for not at all [default: 10m]
    #[arg(long, value_name = "DURATION", env = "CACHE_EXAMPLE_STALE_FOR")]
    #[arg(value_parser = values::duration)]
    pub(crate) stale_for: Option<Duration>,

    /// Which product goes when a cache in memory is full: lru or tinylfu [default: lru]
    #[arg(long, value_name = "POLICY", env = "CACHE_EXAMPLE_POLICY")]
    pub(crate) policy: Option<EvictionPolicy>,

    /// How long the source takes to answer, such as 20ms; 0ms for at once
    #[arg(
        long,
        value_name = "DURATION",
        env = "CACHE_EXAMPLE_SOURCE_DELAY",
        default_value = "20ms"
    )]
    #[arg(value_parser = values::duration)]
    pub(crate) source_delay: Duration,

    /// Makes the traffic the same in each run that has the same seed
    #[arg(long, value_name = "NUMBER", env = "CACHE_EXAMPLE_SEED", default_value = "1")]
    #[arg(value_parser = values::whole, allow_negative_numbers = true)]
    pub(crate) seed: u64,

    /// What to log: off, error, warn, info, debug or trace, also by target as in `info,using_cache=debug`
    #[arg(long, value_name = "FILTER", env = "RUST_LOG", default_value = "info")]
    #[arg(value_parser = values::log_filter)]
    pub(crate) log: EnvFilter,

    /// How to log: console, in columns for people, or json, one object for each event
    #[arg(
        long,
        value_name = "FORMAT",
        env = "CACHE_EXAMPLE_LOG_FORMAT",
        default_value = "console"
    )]
    #[arg(hide_possible_values = true)]
    pub(crate) log_format: LogFormat,

    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

/// What the program does instead of serving.
#[derive(Clone, Copy, Debug, Subcommand)]
pub(crate) enum Command {
    /// Ask the service that listens at --listen whether it is well, and exit with 0 if so
    Healthcheck,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_declaration_is_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    fn every_setting_has_an_environment_variable() {
        let command = Args::command();
        let without: Vec<_> = command
            .get_arguments()
            .filter(|setting| setting.get_env().is_none())
            .collect();
        assert!(without.is_empty(), "{without:?}");
    }
}
