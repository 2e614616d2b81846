//! A real Prometheus scrapes the running service and finds every metric of the table. `scripts/test.sh` installs it.

use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use cache_metrics::names::{ALL, MetricKind};
use cache_testkit::servers::{RedisServer, free_port};
use serde_json::Value;

use crate::support::{PATIENCE, Service, get};

/// A Prometheus that scrapes some services every second. It is killed when the test ends, however it ends.
struct Prometheus {
    child: Child,
    address: SocketAddr,
    _folder: tempfile::TempDir,
}

impl Prometheus {
    fn start(targets: &[SocketAddr]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("prometheus.yml");
        let targets: Vec<_> = targets.iter().map(|target| format!("'{target}'")).collect();
        let targets = targets.join(", ");
        let scrape = format!(
            "scrape_configs:\n  - job_name: gofr-cache\n    scrape_interval: 1s\n    static_configs:\n      - targets: [{targets}]\n"
        );
        std::fs::write(&config, scrape).unwrap();
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
        let child = Command::new("prometheus")
            .arg(format!("--config.file={}", config.display()))
            .arg(format!(
                "--storage.tsdb.path={}",
                folder.path().join("data").display()
            ))
            .arg(format!("--web.listen-address={address}"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| {
                panic!("prometheus does not start ({error}); run scripts/test.sh, which installs it")
            });
        let prometheus = Self {
            child,
            address,
            _folder: folder,
        };
        // It listens before it can answer queries, and says so by the status of this page.
        wait_for("Prometheus is ready", || {
            std::net::TcpStream::connect(address).is_ok() && get(address, "/-/ready").status == 200
        });
        prometheus
    }

    /// The samples of an instant query.
    fn query(&self, query: &str) -> Vec<Value> {
        let answer = get(self.address, &format!("/api/v1/query?query={query}")).json();
        answer["data"]["result"].as_array().cloned().unwrap_or_default()
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        // It fails if Prometheus has ended already, which is what is wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn wait_for(what: &str, mut condition: impl FnMut() -> bool) {
    let until = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < until, "it does not come: {what}");
        thread::sleep(Duration::from_millis(100));
    }
}

/// Settings under which everything happens within seconds.
const BUSY: [&str; 4] = ["--rate", "500", "--ttl", "200ms"];
/// Gives a cache a weigher: that of bytes.
const BY_WEIGHT: (&str, &str) = ("CACHE_EXAMPLE__CACHES__SEARCHES__MEMORY__MAX_BYTES", "64KiB");

/// A service in memory, one of its caches limited by items and the other one by weight. Dead links end before they are
/// evicted.
fn busy() -> Service {
    Service::start_with(&[&BUSY[..], &["--max-items", "100"]].concat(), &[BY_WEIGHT])
}

#[test]
fn prometheus_finds_every_metric_of_the_table_with_data() {
    let server = RedisServer::builder().start();
    let on_redis = Service::start(&[&BUSY[..], &["--redis-url", &server.url()]].concat());
    let in_memory = busy();
    let prometheus = Prometheus::start(&[in_memory.address, on_redis.address]);
    wait_for("both targets are up", || prometheus.query("up==1").len() == 2);
    for metric in ALL {
        let end = if metric.kind == MetricKind::Histogram {
            "_count"
        } else {
            ""
        };
        let name = format!("gofr_cache_{}{end}", metric.suffix);
        wait_for(&name, || !prometheus.query(&format!("count({name})")).is_empty());
    }
    for counter in ["hits", "misses", "sets", "deletes", "evictions", "expirations"] {
        let moves = format!("sum(increase(gofr_cache_{counter}_total{{backend=%22memory%22}}[30s]))%3E0");
        wait_for(&format!("{counter} move"), || {
            !prometheus.query(&moves).is_empty()
        });
    }
    assert_the_rest_has_values(&in_memory, &prometheus);
    for (cache, backend) in [
        ("products", "memory"),
        ("searches", "memory"),
        ("products", "redis"),
        ("searches", "redis"),
    ] {
        let share = format!("gofr_cache_hits_total{{cache_name=%22{cache}%22,backend=%22{backend}%22}}");
        assert_eq!(prometheus.query(&share).len(), 1, "{cache} in {backend}");
    }
}

/// What no counter of the source system says of the caches in memory.
fn assert_the_rest_has_values(in_memory: &Service, prometheus: &Prometheus) {
    // A product that nobody can have asked for before, so no older answer stands in for that of the source.
    assert_eq!(in_memory.call("POST", "/source/stop", "").status, 200);
    assert_eq!(in_memory.get("/products/123456789").status, 503);
    assert_eq!(in_memory.call("POST", "/source/start", "").status, 200);
    let on_products = "cache_name=%22products%22,backend=%22memory%22";
    let on_searches = "cache_name=%22searches%22,backend=%22memory%22";
    let latency = |operation| {
        format!("gofr_cache_operation_latency_seconds_count{{{on_products},operation=%22{operation}%22}}%3E0")
    };
    let said = [
        latency("get"),
        latency("set"),
        latency("delete"),
        format!("gofr_cache_items_current{{{on_products}}}%3E0"),
        format!("gofr_cache_max_items{{{on_products}}}==100"),
        format!("gofr_cache_weight_current{{{on_searches}}}%3E0"),
        format!("gofr_cache_max_weight{{{on_searches}}}==65536"),
        format!("gofr_cache_loads_total{{{on_products},result=%22success%22}}%3E0"),
        format!("gofr_cache_loads_total{{{on_products},result=%22error%22}}%3E0"),
        format!("gofr_cache_load_duration_seconds_count{{{on_products}}}%3E0"),
        format!("gofr_cache_errors_total{{{on_products},operation=%22get_or_load%22,kind=%22load%22}}%3E0"),
        format!("gofr_cache_build_info{{instance=%22{}%22}}==1", in_memory.address),
    ];
    for one in said {
        wait_for(&one, || prometheus.query(&one).len() == 1);
    }
}

#[test]
fn promtool_has_nothing_to_say_about_the_exposition() {
    let service = busy();
    service.get("/products/7");
    is_clean(&service.get("/metrics").body);
}

/// There are metrics that only a server has.
#[test]
fn promtool_has_nothing_to_say_about_the_exposition_on_redis() {
    let server = RedisServer::builder().start();
    let service = Service::start_on(&server, &[]);
    service.get("/products/7");
    let exposition = service.get("/metrics").body;
    let stored = "gofr_cache_value_bytes_count{cache_name=\"products\",backend=\"redis\"} 1\n";
    assert!(exposition.contains(stored), "{exposition}");
    is_clean(&exposition);
}

fn is_clean(exposition: &str) {
    let mut promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| {
            panic!("promtool does not start ({error}); run scripts/test.sh, which installs it")
        });
    promtool
        .stdin
        .take()
        .unwrap()
        .write_all(exposition.as_bytes())
        .unwrap();
    let output = promtool.wait_with_output().unwrap();
    let said =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.trim().is_empty(), "{said}");
}
