//! The Redis backend beside other clients, on a server of its own: by TCP and by unix socket, reads and writes, from 1 to
//! 256 tasks, small and large values. All take turns in each round; ratios are taken inside a round.
//!
//! `cargo bench -p cache-bench --bench redis` takes about ten minutes, with `-- --quick` one. `-- --many`
//! reads many keys only. `-- --beside-work` is as quick, in a runtime that has a task besides which computes for 2 ms at a time.

#![expect(clippy::print_stdout, reason = "a benchmark prints its table")]
#![expect(
    clippy::expect_used,
    reason = "a benchmark ends when a server does not answer"
)]

use std::future::Future;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::pin::Pin;
use std::time::{Duration, Instant};

use bytes::Bytes;
use cache_bench::clients::{Bb8, Client, Deadpool, Fred, Managed, Ours, Raw};
use cache_bench::compare::quantile;
use cache_bench::is_asked_for;
use cache_bench::table::Table;
use cache_core::{CacheBackend, Key};
use cache_testkit::servers::RedisServer;
use deadpool_redis::redis;
use futures_util::future::join_all;
use rustix::time::{ClockId, clock_gettime};

const KEYS: usize = 1_000;

/// What is measured at a time.
#[derive(Clone, Copy, Debug)]
struct Load {
    writes: bool,
    tasks: usize,
    size: usize,
    /// How long a round of one client is, in operations of all tasks.
    operations: usize,
}

/// What a round of one client gave.
#[derive(Clone, Copy, Debug)]
struct Sample {
    nanos: f64,
    cpu_nanos: f64,
    p50: f64,
    p99: f64,
}

type Round = Pin<Box<dyn Future<Output = Sample> + Send>>;

/// A client, ready to be measured.
struct Subject {
    name: &'static str,
    round: Box<dyn Fn(Load) -> Round>,
}

impl Subject {
    fn new<C: Client>(name: &'static str, client: C) -> Self {
        let round = move |load| -> Round { Box::pin(round(client.clone(), load)) };
        Self {
            name,
            round: Box::new(round),
        }
    }
}

fn key(size: usize, n: usize) -> String {
    format!("bench:{size}:{}", n % KEYS)
}

fn cpu() -> Duration {
    clock_gettime(ClockId::ProcessCPUTime)
        .try_into()
        .unwrap_or_default()
}

async fn round<C: Client>(client: C, load: Load) -> Sample {
    let each = load.operations / load.tasks;
    let (cpu_before, start) = (cpu(), Instant::now());
    let tasks = (0..load.tasks).map(|task| {
        let client = client.clone();
        tokio::spawn(async move {
            let value = Bytes::from(vec![b'x'; load.size]);
            let mut times = Vec::with_capacity(each);
            for n in 0..each {
                let key = key(load.size, task * 7_919 + n);
                let start = Instant::now();
                if load.writes {
                    client.set(&key, &value).await;
                } else {
                    assert_eq!(client.get(&key).await, load.size);
                }
                times.push(start.elapsed().as_secs_f64() * 1e6);
            }
            times
        })
    });
    let mut times = Vec::with_capacity(load.operations);
    for task in tasks.collect::<Vec<_>>() {
        times.extend(task.await.expect("a task ends"));
    }
    let (time, cpu) = (start.elapsed(), cpu().saturating_sub(cpu_before));
    let done = times.len() as f64;
    Sample {
        nanos: time.as_secs_f64() * 1e9 / done,
        cpu_nanos: cpu.as_secs_f64() * 1e9 / done,
        p50: quantile(&times, 0.5),
        p99: quantile(&times, 0.99),
    }
}

async fn subjects(url: &str) -> Vec<Subject> {
    vec![
        Subject::new("ours", Ours::connect(url).await),
        Subject::new("raw multiplexed connection", Raw::connect(url).await),
        Subject::new("the same, TCP_NODELAY as ours", Raw::connect_undelayed(url).await),
        Subject::new("ConnectionManager", Managed::connect(url).await),
        Subject::new("fred", Fred::connect(url).await),
        Subject::new("deadpool-redis, 8", Deadpool::new(url, 8)),
        Subject::new("deadpool-redis, 16", Deadpool::new(url, 16)),
        Subject::new("bb8-redis, 16", Bb8::connect(url, 16).await),
    ]
}

/// Stores all keys that are read, for us and for the others.
async fn fill(url: &str, size: usize) {
    async fn with(client: impl Client, size: usize) {
        let value = Bytes::from(vec![b'x'; size]);
        for n in 0..KEYS {
            client.set(&key(size, n), &value).await;
        }
    }
    with(Ours::connect(url).await, size).await;
    with(Raw::connect(url).await, size).await;
}

async fn compare(place: &str, subjects: &[Subject], load: Load, rounds: usize) {
    let mut random = fastrand::Rng::with_seed(load.tasks as u64);
    let mut samples: Vec<Vec<Sample>> = vec![Vec::new(); subjects.len()];
    let mut turns: Vec<usize> = (0..subjects.len()).collect();
    for number in 0..=rounds {
        random.shuffle(&mut turns);
        for at in &turns {
            let sample = (subjects[*at].round)(load).await;
            // The first round connects and warms.
            if number > 0 {
                samples[*at].push(sample);
            }
        }
    }
    let verb = if load.writes { "SET" } else { "GET" };
    println!(
        "\n{verb}, {place}, {} tasks, {} B, {rounds} rounds",
        load.tasks, load.size
    );
    let mut table = Table::new([
        "client",
        "k op/s",
        "ours over it (quartiles)",
        "p50 µs",
        "p99 µs",
        "CPU µs",
    ]);
    for (at, subject) in subjects.iter().enumerate() {
        let median = |field: fn(&Sample) -> f64| {
            let values: Vec<f64> = samples[at].iter().map(field).collect();
            quantile(&values, 0.5)
        };
        let pairs = samples[at].iter().zip(&samples[0]);
        let ratios: Vec<f64> = pairs.map(|(other, ours)| other.nanos / ours.nanos).collect();
        let ratio = |share| quantile(&ratios, share);
        table.row([
            subject.name.to_owned(),
            format!("{:.1}", 1e6 / median(|sample| sample.nanos)),
            format!("{:.2} ({:.2}-{:.2})", ratio(0.5), ratio(0.25), ratio(0.75)),
            format!("{:.0}", median(|sample| sample.p50)),
            format!("{:.0}", median(|sample| sample.p99)),
            format!("{:.1}", median(|sample| sample.cpu_nanos) / 1e3),
        ]);
    }
    print!("{table}");
}

/// How many values are read together.
const TOGETHER: usize = 100;

/// Times what reads values together in one of some ways, over and over. Ratios are taken inside a round.
struct Ways {
    names: [&'static str; 6],
    micros: [Vec<f64>; 6],
}

impl Ways {
    fn note(&mut self, way: usize, start: Instant) {
        self.micros[way].push(start.elapsed().as_secs_f64() * 1e6);
    }

    fn print(&self) {
        let mut table = Table::new(["100 values, 256 B, TCP", "µs", "over ours one by one (quartiles)"]);
        for (name, micros) in self.names.iter().zip(&self.micros) {
            let pairs = micros.iter().zip(&self.micros[0]);
            let ratios: Vec<f64> = pairs.map(|(this, first)| this / first).collect();
            let ratio = |share| quantile(&ratios, share);
            table.row([
                (*name).to_owned(),
                format!("{:.0}", quantile(micros, 0.5)),
                format!("{:.3} ({:.3}-{:.3})", ratio(0.5), ratio(0.25), ratio(0.75)),
            ]);
        }
        println!();
        print!("{table}");
    }
}

/// Asks for values over a socket of its own and only counts the bytes of the answer: what server and kernel need at least.
struct Bare {
    socket: TcpStream,
    request: Vec<u8>,
    room: Vec<u8>,
}

impl Bare {
    fn connect(url: &str, keys: &[String]) -> Self {
        let address = url.trim_start_matches("redis://").trim_end_matches('/');
        let socket = TcpStream::connect(address).expect("the server answers");
        socket.set_nodelay(true).expect("the socket is open");
        let mut request = redis::cmd("MGET");
        request.arg(keys);
        Self {
            socket,
            request: request.get_packed_command(),
            room: Vec::new(),
        }
    }

    /// The values begin with a line each, and are longer than what comes before them.
    fn learn(&mut self, value: usize) {
        let line = format!("${value}\r\n").len();
        let len = format!("*{TOGETHER}\r\n").len() + TOGETHER * (line + value + 2);
        self.room = vec![0; len];
    }

    fn ask(&mut self) {
        self.socket.write_all(&self.request).expect("the server reads");
        self.socket
            .read_exact(&mut self.room)
            .expect("the server answers");
    }
}

/// Reads 100 values one by one, together and all at once, and together by other means.
async fn many(url: &str, rounds: usize) {
    let ours = Ours::connect(url).await.0;
    let client = redis::Client::open(url).expect("the URL is right");
    let raw = client.get_multiplexed_async_connection().await;
    let mut raw = raw.expect("the server answers");
    let names: Vec<String> = (0..TOGETHER).map(|n| key(256, n)).collect();
    let keys = || {
        names
            .iter()
            .map(|name| Key::new(name).expect("keys are not empty"))
    };
    let stored: Vec<String> = names.iter().map(|name| format!("ours:{name}")).collect();
    let len: usize = redis::cmd("STRLEN")
        .arg(&stored[0])
        .query_async(&mut raw)
        .await
        .expect("the server answers");
    let mut bare = Bare::connect(url, &stored);
    bare.learn(len);
    let mut ways = Ways {
        names: [
            "ours, get one by one",
            "ours, get_many",
            "ours, get all at once",
            "raw multiplexed connection, GET one by one",
            "raw multiplexed connection, MGET",
            "a socket, MGET, bytes only counted",
        ],
        micros: Default::default(),
    };
    for _ in 0..rounds * 20 {
        let start = Instant::now();
        for key in keys() {
            ours.get(key).await.expect("the server answers");
        }
        ways.note(0, start);
        let start = Instant::now();
        let values = ours.get_many(keys().collect()).await.expect("the server answers");
        ways.note(1, start);
        assert!(values.iter().all(|value| matches!(value, Ok(Some(_)))));
        let start = Instant::now();
        join_all(keys().map(|key| ours.get(key))).await;
        ways.note(2, start);
        let start = Instant::now();
        for key in &stored {
            let value: Bytes = redis::cmd("GET")
                .arg(key)
                .query_async(&mut raw)
                .await
                .expect("the server answers");
            assert_eq!(value.len(), len);
        }
        ways.note(3, start);
        let start = Instant::now();
        let values: Vec<Bytes> = redis::cmd("MGET")
            .arg(&stored)
            .query_async(&mut raw)
            .await
            .expect("the server answers");
        ways.note(4, start);
        assert_eq!(values.len(), TOGETHER);
        let start = Instant::now();
        bare.ask();
        ways.note(5, start);
    }
    ways.print();
}

/// Computes for 2 ms at a time, as a handler does that puts a large answer together, for ever.
async fn work() {
    loop {
        let start = Instant::now();
        while start.elapsed() < Duration::from_millis(2) {
            std::hint::spin_loop();
        }
        tokio::task::yield_now().await;
    }
}

async fn run(quick: bool, only_many: bool) {
    let server = RedisServer::builder().start();
    let (url, socket) = (server.url(), server.unix_url());
    if only_many {
        fill(&url, 256).await;
        return many(&url, 20).await;
    }
    let (places, sizes, tasks, rounds): (&[_], &[usize], &[usize], usize) = if quick {
        (&[("TCP", &url)], &[256], &[1, 16, 64, 256], 5)
    } else {
        (
            &[("TCP", &url), ("unix socket", &socket)],
            &[16, 256, 4_096],
            &[1, 16, 64, 256],
            11,
        )
    };
    for size in sizes {
        fill(&url, *size).await;
    }
    for (place, url) in places {
        let subjects = subjects(url).await;
        for (writes, size) in [false, true]
            .into_iter()
            .flat_map(|writes| sizes.iter().map(move |size| (writes, *size)))
        {
            for tasks in tasks {
                let load = Load {
                    writes,
                    tasks: *tasks,
                    size,
                    operations: if *tasks == 1 { 3_000 } else { 8_192 },
                };
                compare(place, &subjects, load, rounds).await;
            }
        }
    }
    many(&url, rounds).await;
}

fn main() {
    if !is_asked_for() {
        return;
    }
    let is_said = |word: &str| std::env::args().any(|argument| argument == word);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime starts");
    let beside_work = is_said("--beside-work");
    if beside_work {
        runtime.spawn(work());
    }
    runtime.block_on(run(beside_work || is_said("--quick"), is_said("--many")));
}
