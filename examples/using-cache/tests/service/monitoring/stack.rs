//! The whole stack of `deploy/compose.yaml` but Grafana, without containers.

use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::api;
use super::files::configure;
use super::process::{Process, free_address};
use crate::support::{PATIENCE, Service, get};

/// Settings under which everything happens within seconds.
const BUSY: [&str; 4] = ["--rate", "300", "--ttl", "2s"];
/// Gives a cache in memory a weigher: that of bytes.
const BY_WEIGHT: (&str, &str) = ("CACHE_EXAMPLE__CACHES__SEARCHES__MEMORY__MAX_BYTES", "64KiB");

/// A Redis, the service on it and another in memory, the exporter, and Prometheus.
pub(super) struct Stack {
    pub(super) memory: Service,
    pub(super) on_redis: Service,
    pub(super) redis: Process,
    pub(super) prometheus: SocketAddr,
    _exporter: Process,
    _prometheus: Process,
    _folder: TempDir,
}

impl Stack {
    /// Starts all of it and waits until every target is scraped.
    pub(super) fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let words = |text: String| text.split(' ').map(str::to_owned).collect::<Vec<_>>();

        let redis_address = free_address();
        let redis = Process::start(
            &["redis-server"],
            folder.path(),
            &words(format!(
                "--port {} --bind 127.0.0.1 --save  --appendonly no --maxmemory 64mb --maxmemory-policy allkeys-lru",
                redis_address.port()
            )),
        );
        wait_for("Redis", || std::net::TcpStream::connect(redis_address).is_ok());

        let exporter_address = free_address();
        let exporter = Process::start(
            &["prometheus-redis-exporter", "redis_exporter"],
            folder.path(),
            &words(format!(
                "--redis.addr=redis://{redis_address} --web.listen-address={exporter_address}"
            )),
        );

        let memory = Service::start_with(&[&BUSY[..], &["--max-items", "100"]].concat(), &[BY_WEIGHT]);
        let url = format!("redis://{redis_address}");
        let on_redis = [&BUSY[..], &["--backend", "redis", "--redis-url", &url]].concat();
        let on_redis = Service::start(&on_redis);

        configure(
            folder.path(),
            &[memory.address.to_string(), on_redis.address.to_string()],
            &[exporter_address.to_string()],
        );
        let prometheus = free_address();
        let process = Process::start(
            &["prometheus"],
            folder.path(),
            &words(format!(
                "--config.file=prometheus.yml --storage.tsdb.path=data --web.listen-address={prometheus}"
            )),
        );
        // It listens before it can answer queries, and says so by the status of this page.
        wait_for("Prometheus", || {
            std::net::TcpStream::connect(prometheus).is_ok() && get(prometheus, "/-/ready").status == 200
        });
        wait_for("all targets are up", || api::all_up(prometheus, 3));
        Self {
            memory,
            on_redis,
            redis,
            prometheus,
            _exporter: exporter,
            _prometheus: process,
            _folder: folder,
        }
    }
}

pub(super) fn wait_for(what: &str, mut condition: impl FnMut() -> bool) {
    let until = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < until, "it does not come: {what}");
        thread::sleep(Duration::from_millis(100));
    }
}
