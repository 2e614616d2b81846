//! Being told to stop: what has begun ends, nothing new begins, and the exit code says how it went.

use std::io::Write;
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::support::{PATIENCE, Service, get};

#[test]
fn both_signals_end_it_with_its_last_numbers() {
    for (signal, name) in [(Signal::INT, "SIGINT"), (Signal::TERM, "SIGTERM")] {
        let service = Service::start(&["--rate", "200"]);
        assert_eq!(service.get("/products/7").status, 200);
        service.signal(signal);
        let ended = service.wait();
        assert_eq!((ended.status.code(), ended.stderr.as_str()), (Some(0), ""));
        let log = ended.stdout.join("\n");
        assert!(log.contains(&format!("stopping because of {name}")), "{log}");
        let last = ended.stdout.last().unwrap();
        assert!(
            last.contains("products: ") && last.contains("hits") && last.contains("searches: "),
            "{last}"
        );
    }
}

/// Starts a request for a product that the source takes so long to find, and waits until it is being answered.
fn request_in_flight(source_delay: &str) -> (Service, thread::JoinHandle<u16>) {
    let service = Service::start(&["--rate", "0", "--source-delay", source_delay]);
    let address = service.address;
    let request = thread::spawn(move || get(address, "/products/7").status);
    let until = Instant::now() + PATIENCE;
    while service.get("/").json()["source"]["lookups"] != 1 {
        assert!(Instant::now() < until, "the source is not asked");
        thread::sleep(Duration::from_millis(5));
    }
    (service, request)
}

#[test]
fn a_request_that_has_begun_gets_its_answer() {
    let (service, request) = request_in_flight("1s");
    let ended = service.stop();
    assert_eq!(ended.status.code(), Some(0));
    assert_eq!(request.join().unwrap(), 200);
}

#[test]
fn while_it_stops_it_answers_those_who_run_it_and_nobody_else() {
    let (service, request) = request_in_flight("3s");
    service.signal(Signal::TERM);
    service.wait_for_line("stopping because of SIGTERM");
    // The word that it stops goes to the parts of the service after that line. A product would take as long as the source does.
    let until = Instant::now() + PATIENCE;
    while service.get("/").status != 503 {
        assert!(Instant::now() < until, "it takes requests while it stops");
    }
    let metrics = service.get("/metrics");
    assert_eq!(metrics.status, 200, "{}", metrics.body);
    assert!(
        metrics.body.contains("gofr_cache_items_current"),
        "{}",
        metrics.body
    );
    let probes = ["/health", "/health/live", "/health/ready"].map(|path| service.get(path).status);
    assert_eq!(
        probes,
        [200, 200, 503],
        "well, alive, and not to be sent requests"
    );
    assert!(service.get("/products/8").body.contains("\"stopping\""));
    assert_eq!(request.join().unwrap(), 200);
    assert_eq!(service.wait().status.code(), Some(0));
}

#[test]
fn caches_are_closed_after_the_last_request_and_before_the_server_ends() {
    let (service, request) = request_in_flight("500ms");
    let ended = service.stop();
    assert_eq!(request.join().unwrap(), 200);
    let log = ended.stdout.join("\n");
    let steps = [
        "stopping because of",
        "cache close",
        "caches closed",
        "no longer listening",
        "stopped; products: ",
    ];
    let places = steps.map(|step| log.find(step).unwrap_or_else(|| panic!("{step}: {log}")));
    assert!(places.is_sorted(), "{log}");
    assert_eq!(
        log.matches("cache close ").count(),
        2,
        "each cache says so: {log}"
    );
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let (service, _request) = request_in_flight("1h");
    service.signal(Signal::INT);
    service.wait_for_line("stopping because of SIGINT");
    service.signal(Signal::INT);
    let ended = service.wait();
    assert_eq!(ended.status.code(), Some(130));
    assert_eq!(ended.stderr, "using-cache: stopped at once by a second signal\n");
}

#[test]
fn a_request_that_never_ends_is_cut_off() {
    let (service, _request) = request_in_flight("1h");
    let ended = service.stop();
    assert_eq!(ended.status.code(), Some(0));
    let log = ended.stdout.join("\n");
    assert!(log.contains("cut off"), "{log}");
}

#[test]
fn connections_that_ask_for_nothing_do_not_hold_it_up() {
    let service = Service::start(&["--rate", "0"]);
    let mut idle = TcpStream::connect_timeout(&service.address, PATIENCE).unwrap();
    let _silent = TcpStream::connect_timeout(&service.address, PATIENCE).unwrap();
    idle.write_all(b"GET /health HTTP/1.1\r\nhost: test\r\n\r\n")
        .unwrap();
    service.get("/health");
    let ended = service.stop();
    assert_eq!(ended.status.code(), Some(0));
    let log = ended.stdout.join("\n");
    assert!(!log.contains("cut off"), "{log}");
}
