//! Programs that run beside a test and end with it.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use cache_testkit::servers::free_port;

/// A program that is killed when the test ends, however it ends.
pub(super) struct Process(Child);

impl Process {
    /// Starts the first of the programs that is installed: distributions have one under different names.
    pub(super) fn start(programs: &[&str], folder: &Path, arguments: &[String]) -> Self {
        for program in programs {
            let started = Command::new(program)
                .args(arguments)
                .current_dir(folder)
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn();
            if let Ok(child) = started {
                return Self(child);
            }
        }
        panic!("none of {programs:?} starts; run scripts/check-monitoring.sh, which installs it")
    }

    pub(super) fn kill(&mut self) {
        // It fails if the program has ended already, which is what is wanted.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// An address that is free, and that nobody else of these tests is told of.
pub(super) fn free_address() -> SocketAddr {
    (Ipv4Addr::LOCALHOST, free_port()).into()
}
