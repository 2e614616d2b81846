//! Spans as a collector gets them.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::mpsc;
use std::thread;

use cache_testkit::proxy::RefusingAddress;

use crate::support::{PATIENCE, Service, command, run};

/// A collector that takes everything and tells what came.
fn collector() -> (String, mpsc::Receiver<Vec<u8>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            stream.set_read_timeout(Some(PATIENCE)).unwrap();
            let (mut request, mut part) = (Vec::new(), [0; 16_384]);
            while let Ok(length @ 1..) = stream.read(&mut part) {
                request.extend_from_slice(&part[..length]);
                let text = String::from_utf8_lossy(&request);
                let Some(head) = text.find("\r\n\r\n") else {
                    continue;
                };
                let lower = text[..head].to_ascii_lowercase();
                let length = lower.split("content-length: ").nth(1).unwrap();
                let length: usize = length.lines().next().unwrap().parse().unwrap();
                if request.len() >= head + 4 + length {
                    break;
                }
            }
            stream
                .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
                .unwrap();
            if sender.send(request).is_err() {
                return;
            }
        }
    });
    (endpoint, receiver)
}

fn holds(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

#[test]
fn a_collector_gets_the_spans_of_a_request_in_the_trace_of_its_caller() {
    let (endpoint, received) = collector();
    let flags = ["--rate", "0", "--log", "info,cache=debug"];
    let service = Service::start_with(&flags, &[("OTEL_EXPORTER_OTLP_ENDPOINT", &endpoint)]);
    let header = "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\n";
    service.get_with("/products/7", header);
    let status = service.stop().status;
    assert!(status.success(), "{status}");
    let mut sent = Vec::new();
    while let Ok(request) = received.recv_timeout(std::time::Duration::from_secs(1)) {
        sent.extend(request);
    }
    let trace = 0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736_u128.to_be_bytes();
    for part in [&b"cache.get"[..], b"products", b"using-cache", &trace] {
        assert!(holds(&sent, part), "{part:?} is not among {} bytes", sent.len());
    }
}

#[test]
fn a_place_that_is_none_is_told_on_one_line() {
    let mut bad = command(&[]);
    bad.env("OTEL_EXPORTER_OTLP_ENDPOINT", "http://[");
    let ended = run(bad);
    assert_eq!(
        (ended.status.code(), ended.stderr.lines().count()),
        (Some(2), 1),
        "{}",
        ended.stderr
    );
    assert!(
        ended.stderr.contains("OTEL_EXPORTER_OTLP_ENDPOINT"),
        "{}",
        ended.stderr
    );
}

#[test]
fn a_collector_that_is_gone_does_not_hold_up_the_service_nor_its_end() {
    let gone = RefusingAddress::new();
    let endpoint = format!("http://{}", gone.address());
    let flags = ["--rate", "20", "--log", "info,cache=debug"];
    let service = Service::start_with(&flags, &[("OTEL_EXPORTER_OTLP_ENDPOINT", &endpoint)]);
    assert_eq!(service.get("/products/7").status, 200);
    assert_eq!(service.stop().status.code(), Some(0));
}
