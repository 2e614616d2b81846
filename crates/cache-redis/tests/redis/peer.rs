//! A peer that is no server: it answers each command as it is told to, and keeps what it was asked.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// Stands in an answer for a string of 512 MiB, which is sent in pieces.
pub(crate) const HUGE: &str = "(512 MiB)";

/// What a command consists of.
pub(crate) type Words = Vec<String>;

/// A peer on a port of its own.
pub(crate) struct Peer {
    pub(crate) port: u16,
    heard: Arc<Mutex<Vec<Words>>>,
}

impl Peer {
    /// Starts one that answers so. It is told its own port, and says yes to what every client asks to begin with.
    pub(crate) fn start(answer: impl Fn(u16, &[String]) -> String + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let (kept, answer) = (Arc::clone(&heard), Arc::new(answer));
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (stream, kept, answer) = (stream.unwrap(), Arc::clone(&kept), Arc::clone(&answer));
                thread::spawn(move || {
                    let mut requests = BufReader::new(stream.try_clone().unwrap());
                    while let Some(words) = command(&mut requests) {
                        let reply = if words[0] == "CLIENT" {
                            "+OK\r\n".to_owned()
                        } else {
                            answer(port, &words)
                        };
                        kept.lock().unwrap().push(words);
                        if write(&stream, &reply).is_none() {
                            return;
                        }
                    }
                });
            }
        });
        Self { port, heard }
    }

    /// Returns the commands of this name that came.
    pub(crate) fn heard(&self, name: &str) -> Vec<Words> {
        let heard = self.heard.lock().unwrap();
        heard.iter().filter(|words| words[0] == name).cloned().collect()
    }
}

fn write(mut stream: &TcpStream, reply: &str) -> Option<()> {
    for (nth, part) in reply.split(HUGE).enumerate() {
        if nth > 0 {
            stream.write_all(b"$536870912\r\n").ok()?;
            for _ in 0..65_536 {
                stream.write_all(&[0; 8_192]).ok()?;
            }
            stream.write_all(b"\r\n").ok()?;
        }
        stream.write_all(part.as_bytes()).ok()?;
    }
    Some(())
}

/// Reads a command. `None` is the end.
fn command(requests: &mut impl BufRead) -> Option<Words> {
    let count = number(requests)?;
    (0..count)
        .map(|_| {
            let mut word = vec![0; number(requests)? + 2];
            requests.read_exact(&mut word).ok()?;
            word.truncate(word.len() - 2);
            Some(String::from_utf8_lossy(&word).into_owned())
        })
        .collect()
}

/// Reads how many there are of what follows.
fn number(requests: &mut impl BufRead) -> Option<usize> {
    let mut line = String::new();
    requests.read_line(&mut line).ok()?;
    line.get(1..)?.trim_end().parse().ok()
}

/// Returns a string as a server sends it.
pub(crate) fn string(text: &str) -> String {
    format!("${}\r\n{text}\r\n", text.len())
}

/// Returns what a Cluster of one node says of its slots.
pub(crate) fn slots(port: u16) -> String {
    let host = string("127.0.0.1");
    format!("*1\r\n*3\r\n:0\r\n:16383\r\n*3\r\n{host}:{port}\r\n$4\r\nsome\r\n")
}
