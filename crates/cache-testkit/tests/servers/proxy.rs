//! The proxy: each fault against a server that sends back what it gets.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr};
use std::panic::Location;
use std::time::Duration;

use cache_testkit::eventually;
use cache_testkit::proxy::{Direction, Fault, FaultProxy, RefusingAddress, SilentAddress, When};
use cache_testkit::servers::RedisServer;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, timeout};

/// Longer than anything that comes at once, shorter than what is made to come late.
const SHORT: Duration = Duration::from_millis(150);
const LATE: Duration = Duration::from_millis(400);
/// How long something that has to come may take, on a machine that does something else.
const PATIENCE: Duration = Duration::from_secs(10);

/// Starts a server that sends back what it gets.
async fn echo() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                let (mut read, mut write) = stream.split();
                // A connection that a fault ended has nothing more to send back.
                let _ = tokio::io::copy(&mut read, &mut write).await;
            });
        }
    });
    address
}

struct Client(TcpStream);

impl Client {
    async fn new(proxy: &FaultProxy) -> Self {
        Self(TcpStream::connect(proxy.address()).await.unwrap())
    }

    async fn send(&mut self, bytes: &str) {
        self.0.write_all(bytes.as_bytes()).await.unwrap();
    }

    /// Returns what comes until it is enough and nothing comes for a short time, or the connection ends.
    async fn receive_until(&mut self, is_enough: impl Fn(&str) -> bool) -> String {
        let (mut all, start) = (Vec::new(), Instant::now());
        loop {
            match timeout(SHORT, self.0.read_buf(&mut all)).await {
                Ok(Ok(1..)) => {}
                Ok(_) => break,
                Err(_) if is_enough(&String::from_utf8_lossy(&all)) || start.elapsed() > PATIENCE => break,
                Err(_) => {}
            }
        }
        String::from_utf8_lossy(&all).into_owned()
    }

    /// Checks that this comes and nothing else does.
    #[track_caller]
    fn receives(&mut self, expected: &str) -> impl Future<Output = ()> {
        self.is_told("", expected)
    }

    /// Sends this and checks that only that comes.
    #[track_caller]
    fn is_told(&mut self, sent: &str, expected: &str) -> impl Future<Output = ()> {
        let caller = Location::caller();
        async move {
            self.send(sent).await;
            let came = self.receive_until(|came| came.len() >= expected.len()).await;
            assert_eq!(came, expected, "at {caller}");
        }
    }

    /// Waits for the end of the connection and returns what came before it, and how it ended.
    async fn end(&mut self) -> (String, Result<(), ErrorKind>) {
        let mut all = Vec::new();
        let end = timeout(PATIENCE, self.0.read_to_end(&mut all)).await.unwrap();
        (
            String::from_utf8(all).unwrap(),
            end.map(drop).map_err(|error| error.kind()),
        )
    }
}

async fn proxied() -> (FaultProxy, Client) {
    let proxy = FaultProxy::start(echo().await, 1).await;
    let client = Client::new(&proxy).await;
    (proxy, client)
}

#[tokio::test]
async fn without_harm_everything_passes_both_ways() {
    let (proxy, mut client) = proxied().await;
    client.is_told("+a\r\n", "+a\r\n").await;
    client.is_told("+b\r\n$3\r\nxyz\r\n", "+b\r\n$3\r\nxyz\r\n").await;
    assert_eq!((proxy.accepted(), proxy.open(), proxy.harmed()), (1, 1, 0));
}

#[tokio::test]
async fn what_is_not_redis_passes_too() {
    let (_proxy, mut client) = proxied().await;
    client
        .is_told("\u{16}\u{3}no end of line", "\u{16}\u{3}no end of line")
        .await;
}

#[tokio::test]
async fn a_delay_delays_messages_that_were_sent_at_once_together() {
    let (proxy, mut client) = proxied().await;
    proxy.replies(Fault::Delay(LATE));
    let start = Instant::now();
    client.send(&"+a\r\n".repeat(20)).await;
    let mut bytes = [0; 80];
    client.0.read_exact(&mut bytes).await.unwrap();
    // One after the other they would take 20 times as long.
    assert!(
        start.elapsed() >= LATE && start.elapsed() < 3 * LATE,
        "{:?}",
        start.elapsed()
    );
    assert_eq!(proxy.harmed(), 20);
}

#[tokio::test]
async fn requests_are_delayed_as_replies_are() {
    let (proxy, mut client) = proxied().await;
    proxy.requests(Fault::Delay(LATE));
    client.is_told("+a\r\n", "").await;
    tokio::time::sleep(LATE).await;
    client.receives("+a\r\n").await;
}

#[tokio::test]
async fn a_drip_comes_a_byte_at_a_time() {
    let (proxy, mut client) = proxied().await;
    proxy.replies(Fault::Drip(Duration::from_millis(40)));
    client.send("+abcdefg\r\n").await;
    let mut bytes = [0; 10];
    let len = client.0.read(&mut bytes).await.unwrap();
    assert!(len < 4, "{len} bytes came at once");
    let start = Instant::now();
    client.0.read_exact(&mut bytes[len..]).await.unwrap();
    assert_eq!(&bytes, b"+abcdefg\r\n");
    assert!(
        start.elapsed() >= Duration::from_millis(200),
        "{:?}",
        start.elapsed()
    );
}

#[tokio::test]
async fn a_narrow_band_takes_the_time_that_its_rate_says() {
    let (proxy, mut client) = proxied().await;
    proxy.replies(Fault::Bandwidth(10_000));
    let start = Instant::now();
    let message = format!("+{}\r\n", "x".repeat(3_000));
    client.send(&message).await;
    let mut bytes = vec![0; message.len()];
    client.0.read_exact(&mut bytes).await.unwrap();
    assert!(
        start.elapsed() >= Duration::from_millis(290),
        "{:?}",
        start.elapsed()
    );
}

#[tokio::test]
async fn what_is_held_back_comes_when_the_proxy_is_healed() {
    let (proxy, mut client) = proxied().await;
    proxy.replies(Fault::Hold);
    client.is_told("+a\r\n", "").await;
    proxy.heal();
    client.receives("+a\r\n").await;
    client.is_told("+b\r\n", "+b\r\n").await;
}

#[tokio::test]
async fn a_connection_in_a_black_hole_stays_dead_and_a_new_one_is_well_once_it_is_healed() {
    let (proxy, mut client) = proxied().await;
    proxy.requests(Fault::BlackHole);
    proxy.replies(Fault::BlackHole);
    client.is_told("+a\r\n", "").await;
    proxy.heal();
    client.is_told("+b\r\n", "").await;
    assert_eq!(proxy.open(), 1, "nobody was told");
    Client::new(&proxy).await.is_told("+c\r\n", "+c\r\n").await;
}

#[tokio::test]
async fn a_duplicated_message_comes_twice() {
    let (proxy, mut client) = proxied().await;
    proxy.harm(Direction::Replies, Fault::Duplicate, When::Next(1));
    client.is_told("+a\r\n+b\r\n", "+a\r\n+a\r\n+b\r\n").await;
}

#[tokio::test]
async fn a_swallowed_message_is_lost_and_the_next_one_comes() {
    let (proxy, mut client) = proxied().await;
    proxy.harm(Direction::Replies, Fault::Swallow, When::Next(1));
    client.is_told("+a\r\n+b\r\n", "+b\r\n").await;
}

#[tokio::test]
async fn a_flipped_message_differs_in_one_bit() {
    let (proxy, mut client) = proxied().await;
    proxy.harm(Direction::Replies, Fault::Flip, When::Next(1));
    client.send("+abc\r\n").await;
    let mut bytes = [0; 6];
    client.0.read_exact(&mut bytes).await.unwrap();
    let bits: u32 = bytes
        .iter()
        .zip(b"+abc\r\n")
        .map(|(a, b)| (a ^ b).count_ones())
        .sum();
    assert_eq!(bits, 1);
}

#[tokio::test]
async fn garbage_is_as_long_and_something_else() {
    let (proxy, mut client) = proxied().await;
    proxy.replies(Fault::Garbage);
    let message = format!("+{}\r\n", "x".repeat(100));
    client.send(&message).await;
    let mut bytes = vec![0; message.len()];
    client.0.read_exact(&mut bytes).await.unwrap();
    let same = bytes
        .iter()
        .zip(message.as_bytes())
        .filter(|(a, b)| a == b)
        .count();
    assert!(same < 10, "{same} bytes are as they were");
}

#[tokio::test]
async fn a_cut_message_ends_in_its_middle() {
    let (proxy, mut client) = proxied().await;
    proxy.replies(Fault::Cut);
    client.send("+abcd\r\n").await;
    assert_eq!(client.end().await, ("+ab".to_owned(), Ok(())));
}

#[tokio::test]
async fn a_reset_message_breaks_in_its_middle() {
    let (proxy, mut client) = proxied().await;
    proxy.replies(Fault::Reset);
    client.send("+abcd\r\n").await;
    assert_eq!(client.end().await.1, Err(ErrorKind::ConnectionReset));
}

#[tokio::test]
async fn all_connections_are_cut_and_new_ones_are_well() {
    let (proxy, mut client) = proxied().await;
    client.is_told("+a\r\n", "+a\r\n").await;
    proxy.cut();
    assert_eq!(client.end().await, (String::new(), Ok(())));
    eventually("no connection is open", || proxy.open() == 0).await;
    Client::new(&proxy).await.is_told("+a\r\n", "+a\r\n").await;
    assert_eq!(proxy.accepted(), 2);
}

#[tokio::test]
async fn all_connections_are_reset() {
    let (proxy, mut client) = proxied().await;
    client.is_told("+a\r\n", "+a\r\n").await;
    proxy.reset();
    assert_eq!(client.end().await.1, Err(ErrorKind::ConnectionReset));
}

#[tokio::test]
async fn a_half_closed_connection_still_takes_what_is_sent() {
    let (proxy, mut client) = proxied().await;
    client.is_told("+a\r\n", "+a\r\n").await;
    proxy.half_close();
    assert_eq!(client.end().await, (String::new(), Ok(())));
    client.send("+b\r\n").await;
    tokio::time::sleep(Duration::from_millis(20)).await;
    client.send("+c\r\n").await;
    assert_eq!(proxy.open(), 1);
}

#[tokio::test]
async fn one_in_some_messages_is_harmed_and_a_seed_repeats_which() {
    let mut rounds = Vec::new();
    for _ in 0..2 {
        let (proxy, mut client) = proxied().await;
        proxy.harm(Direction::Replies, Fault::Swallow, When::OneIn(3));
        let messages: Vec<_> = (0..60).map(|n| format!("+{n}\r\n")).collect();
        client.send(&messages.concat()).await;
        let came = client
            .receive_until(|came| came.lines().count() + proxy.harmed() == 60)
            .await;
        rounds.push((came, proxy.harmed()));
    }
    assert!((5..40).contains(&rounds[0].1), "{} of 60", rounds[0].1);
    assert_eq!(rounds[0], rounds[1]);
}

#[tokio::test]
async fn a_client_that_goes_takes_its_connection_to_the_server_along() {
    let server = RedisServer::builder().start();
    let proxy = FaultProxy::start(server.address(), 1).await;
    let mut client = Client::new(&proxy).await;
    client.is_told("*1\r\n$4\r\nPING\r\n", "+PONG\r\n").await;
    drop(client);
    eventually("no connection is open", || proxy.open() == 0).await;
}

#[tokio::test]
async fn a_server_that_dies_ends_its_connections_and_the_proxy_outlives_it() {
    let server = RedisServer::builder().start();
    let proxy = FaultProxy::start(server.address(), 1).await;
    let mut client = Client::new(&proxy).await;
    client.is_told("*1\r\n$4\r\nPING\r\n", "+PONG\r\n").await;
    server.kill();
    client.end().await.1.unwrap();
    assert_eq!(
        Client::new(&proxy).await.end().await.1,
        Err(ErrorKind::ConnectionReset)
    );
    server.start();
    Client::new(&proxy)
        .await
        .is_told("*1\r\n$4\r\nPING\r\n", "+PONG\r\n")
        .await;
}

#[tokio::test]
async fn a_refusing_address_refuses_and_nobody_else_can_have_it() {
    let refusing = RefusingAddress::new();
    let attempt = TcpStream::connect(refusing.address()).await;
    assert_eq!(attempt.unwrap_err().kind(), ErrorKind::ConnectionRefused);
    let other = TcpListener::bind(refusing.address()).await;
    assert_eq!(other.unwrap_err().kind(), ErrorKind::AddrInUse);
}

#[tokio::test]
async fn a_silent_address_neither_takes_nor_refuses_a_connection() {
    let silent = SilentAddress::new().await;
    for _ in 0..3 {
        let attempt = timeout(LATE, TcpStream::connect(silent.address())).await;
        assert!(attempt.is_err(), "{attempt:?}");
    }
}

#[tokio::test]
async fn a_silent_address_that_answers_passes_on_to_a_server() {
    let mut silent = SilentAddress::new().await;
    let address = silent.address();
    silent.answer(echo().await);
    let mut client = TcpStream::connect(address).await.unwrap();
    client.write_all(b"there").await.unwrap();
    let mut came = [0; 5];
    client.read_exact(&mut came).await.unwrap();
    assert_eq!(&came, b"there");
}
