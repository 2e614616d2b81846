//! A server process that cannot outlive the test process, however that ends.
//!
//! The server is the child of a shell that reads from a pipe of ours. The pipe ends when we let go of it and also when
//! this process is killed; then the shell kills the server. The shell stands in a process group of its own, so a
//! signal to the group of the tests does not take it away first.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

/// Arguments: the folder, the program, its arguments. The first line out is the id of the server. A word on the pipe
/// ends the server, a second one the guard; an end without it means that nobody is left who would remove the folder.
/// The system hangs up
/// on a group that is left behind with a frozen process in it, and the guard must live through that.
const GUARD: &str = r#"
folder=$1
shift
trap '' HUP
exec 3<&0
"$@" </dev/null >>"$folder/log" 2>&1 3<&- &
server=$!
{
  read -r word <&3
  kill -KILL "$server"
  read -r word <&3 || : >"$folder/orphaned"
} >/dev/null 2>&1 &
echo "$server"
exec >/dev/null 3<&-
wait "$server"
echo "$?" >"$folder/exit"
wait
[ ! -e "$folder/orphaned" ] || rm -rf -- "$folder"
"#;

/// A running server. Dropping it kills the server and waits until it is gone.
#[derive(Debug)]
pub(super) struct Process {
    guard: Child,
    pipe: Option<ChildStdin>,
    pid: Pid,
    folder: PathBuf,
    killed: bool,
}

impl Process {
    /// Starts a program whose output goes to the file `log` in the folder.
    pub(super) fn spawn(program: &OsStr, arguments: &[OsString], folder: &Path) -> io::Result<Self> {
        match fs::remove_file(folder.join("exit")) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut guard = Command::new("sh")
            .args(["-c", GUARD, "guard"])
            .arg(folder)
            .arg(program)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()?;
        let pipe = guard.stdin.take();
        let mut line = String::new();
        if let Some(out) = guard.stdout.take() {
            BufReader::new(out).read_line(&mut line)?;
        }
        let pid = line.trim().parse().ok().and_then(Pid::from_raw);
        let pid =
            pid.ok_or_else(|| io::Error::other("the shell that guards the server did not say its id"))?;
        Ok(Self {
            guard,
            pipe,
            pid,
            folder: folder.to_owned(),
            killed: false,
        })
    }

    /// Returns the id of the server.
    pub(super) fn pid(&self) -> u32 {
        self.pid.as_raw_nonzero().get().unsigned_abs()
    }

    /// Sends a signal to the server.
    pub(super) fn signal(&self, signal: Signal) -> io::Result<()> {
        Ok(kill_process(self.pid, signal)?)
    }

    /// Kills the server and waits until it is gone.
    pub(super) fn kill(&mut self) {
        if !self.killed {
            self.killed = true;
            self.tell();
            while !self.has_ended() && matches!(self.guard.try_wait(), Ok(None)) {
                thread::sleep(Duration::from_millis(1));
            }
        }
    }

    /// Tells the guard to go on.
    fn tell(&mut self) {
        if let Some(pipe) = &mut self.pipe {
            // If the guard is gone, the server is.
            let _ = pipe.write_all(b"go on\n");
        }
    }

    /// Says whether the server was killed here.
    pub(super) fn is_killed(&self) -> bool {
        self.killed
    }

    /// Says whether the server has ended.
    pub(super) fn has_ended(&self) -> bool {
        self.folder.join("exit").exists()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if !self.killed {
            self.tell();
        }
        self.tell();
        let _ = self.guard.wait();
    }
}
