//! A machine that runs while a test talks to it.

use std::fs;
use std::io::Write;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::machine::plain;
use crate::release::{Release, scratch};

/// How long a boot may take, and an answer.
const PATIENCE: Duration = Duration::from_secs(300);

/// What ends `sealboot run` when typed.
const END: &[u8] = &[0x1d];

/// A running machine; it ends with this value.
pub struct Live {
    /// Leads to the machine's port 22, on 127.0.0.1.
    pub ssh_port: u16,
    log: PathBuf,
    terminal: Child,
    keyboard: ChildStdin,
}

impl Live {
    /// Starts a release's disk. The command gets a terminal of its own, because it passes on what
    /// is typed only from one.
    pub fn start(release: &Release, name: &str) -> Self {
        let folder = scratch(name);
        let log = folder.join("serial.log");
        let ssh_port = free_port();
        let program = std::env::var("SEALBOOT").expect("SEALBOOT is set to the command under test");
        let line = format!(
            "'{program}' run '{}' --keys '{}' --serial-log '{}' --no-kvm --tpm --forward {ssh_port}:22",
            release.out.join("disk.img").display(),
            release.keys.display(),
            log.display(),
        );
        let mut command = Command::new("script");
        command
            .args(["-qfec", &line])
            .arg(folder.join("typescript"))
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let mut terminal = command
            .spawn()
            .expect("script starts; it is in Debian's bsdutils");
        let keyboard = terminal.stdin.take().unwrap();
        Self {
            ssh_port,
            log,
            terminal,
            keyboard,
        }
    }

    /// Everything on the serial line so far, control sequences removed.
    pub fn serial(&self) -> String {
        plain(&fs::read(&self.log).unwrap_or_default())
    }

    /// Waits until the serial line has had this text.
    #[track_caller]
    pub fn wait_for(&self, text: &str) {
        let end = Instant::now() + PATIENCE;
        while !self.serial().contains(text) {
            self.must(Instant::now() < end, &format!("{text:?} did not come"));
            thread::sleep(Duration::from_millis(500));
        }
    }

    /// Types on the serial line.
    pub fn type_text(&mut self, text: &str) {
        self.keyboard.write_all(text.as_bytes()).unwrap();
        self.keyboard.flush().unwrap();
    }

    /// Fails with everything that was printed.
    #[track_caller]
    pub fn must(&self, good: bool, what: &str) {
        assert!(good, "{what}\n--- the serial line:\n{}", self.serial());
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        let _ = self
            .keyboard
            .write_all(END)
            .and_then(|()| self.keyboard.flush());
        let end = Instant::now() + Duration::from_secs(10);
        while Instant::now() < end {
            if let Ok(Some(_)) = self.terminal.try_wait() {
                return;
            }
            thread::sleep(Duration::from_millis(100));
        }
        let _ = self.terminal.kill();
        let _ = self.terminal.wait();
    }
}

/// A port that nobody had a moment ago.
fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().unwrap().port()
}
