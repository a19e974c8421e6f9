//! One start of the machine, watched to its end.

use std::fs::{self, File};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context;
use rustix::io::{FdFlags, fcntl_setfd};

use super::console::{self, RawTerminal};
use super::expect::Expectation;
use super::machine::{self, Accelerator, Machine};
use super::plan::{Plan, Wait};
use super::qmp::Monitor;
use crate::exit::{Code, WithCode};
use crate::output;

/// How long firmware under KVM may be silent before it counts as stuck. It prints within one
/// second where KVM works.
const SILENCE: Duration = Duration::from_secs(15);

/// What the kernel's EFI stub prints when all of the UKI is in memory.
const KERNEL_STARTS: [&str; 1] = ["EFI stub: "];

/// What happened.
#[derive(Debug, PartialEq, Eq)]
pub enum Event {
    /// These bytes came on the serial line.
    Output(Vec<u8>),
    /// QEMU is gone: its end of the line is closed.
    End,
    /// The person wants to stop.
    Quit,
    /// The machine stopped by itself; why, in QEMU's words.
    Stopped(String),
    /// A device with this id is gone.
    Unplugged(String),
    /// Anything else that QEMU tells.
    Other,
}

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// All expected texts came.
    Seen,
    /// The machine powered off or restarted where that ends it: QEMU's reason, when it gave one.
    Stopped(Option<String>),
    /// The person typed the quit key.
    Quit,
    /// No text of the machine came at all.
    Silent,
    /// Time ran out.
    TimedOut,
}

/// Starts the machine and watches it.
pub fn attempt<'a>(
    plan: &'a Plan,
    accelerator: Accelerator,
) -> anyhow::Result<(Ending, Expectation<'a, String>)> {
    let folder = tempfile::tempdir()
        .context("no temporary folder can be made for the machine's variables and disks")
        .code(Code::Failed)?;
    let machine = plan.machine(folder.path())?;
    let log = plan.wait.serial_log.as_deref().map(new_log).transpose()?;
    let mut running = Running::start(&machine, accelerator, log, &plan.wait)?;
    let outcome = running.watch(accelerator);
    // It may have ended by itself; then there is nothing to stop.
    let _ = running.child.kill();
    let _ = running.child.wait();
    Ok((outcome?, running.expectation))
}

fn new_log(path: &Path) -> anyhow::Result<File> {
    fs::File::create(path)
        .with_context(|| format!("the serial log {} cannot be made", path.display()))
        .code(Code::Failed)
}

/// A machine that was started.
struct Running<'a> {
    wait: &'a Wait,
    child: Child,
    /// `None` when QEMU did not get as far as that.
    monitor: Option<Monitor>,
    events: Receiver<Event>,
    sender: Sender<Event>,
    /// The person's terminal, when keys go to the machine.
    _raw: Option<RawTerminal>,
    expectation: Expectation<'a, String>,
    kernel_starts: Expectation<'static, &'static str>,
    /// The firmware's copy of the disk is still there.
    copy: bool,
}

impl<'a> Running<'a> {
    fn start(
        machine: &Machine,
        accelerator: Accelerator,
        log: Option<File>,
        wait: &'a Wait,
    ) -> anyhow::Result<Self> {
        let (mut child, stream) = spawn(machine, accelerator)?;
        let (sender, events) = mpsc::channel();
        let show = !wait.quiet;
        let raw = show.then(RawTerminal::enter).flatten();
        if raw.is_some() {
            output::tell("Control-] ends the machine.\r");
        }
        if let Some(from) = child.stdout.take() {
            let sender = sender.clone();
            thread::spawn(move || console::output(from, log, show, &sender));
        }
        let monitor = Monitor::connect(stream, sender.clone()).ok();
        Ok(Self {
            wait,
            child,
            monitor,
            events,
            sender,
            _raw: raw,
            expectation: Expectation::new(&wait.expect),
            kernel_starts: Expectation::new(&KERNEL_STARTS),
            copy: machine.copy.is_some(),
        })
    }

    /// Waits for the end.
    fn watch(&mut self, accelerator: Accelerator) -> anyhow::Result<Ending> {
        let started = Instant::now();
        let mut heard = false;
        let mut stopped = None;
        loop {
            let limit = match (heard, accelerator, self.wait.timeout) {
                (false, Accelerator::Kvm, _) => Some(SILENCE),
                (_, _, timeout) => timeout,
            };
            let event = match limit {
                Some(limit) => {
                    let left = limit.saturating_sub(started.elapsed());
                    self.events.recv_timeout(left)
                }
                None => {
                    let event = self.events.recv();
                    event.map_err(|_| RecvTimeoutError::Disconnected)
                }
            };
            match event {
                Ok(Event::Output(bytes)) => {
                    if !heard {
                        heard = true;
                        self.pass_keys();
                    }
                    if self.output(&bytes)? {
                        return Ok(Ending::Seen);
                    }
                }
                Ok(Event::Quit) => return Ok(Ending::Quit),
                Ok(Event::Stopped(reason)) => {
                    // What it printed before may still be on its way: the end comes after it.
                    stopped = Some(reason);
                    let _ = self.child.kill();
                }
                Ok(Event::Unplugged(_) | Event::Other) => {}
                Err(RecvTimeoutError::Timeout) if heard => return Ok(Ending::TimedOut),
                Ok(Event::End) | Err(RecvTimeoutError::Disconnected) if heard => {
                    return Ok(Ending::Stopped(stopped));
                }
                Ok(Event::End) | Err(_) => return Ok(Ending::Silent),
            }
        }
    }

    /// Takes what the machine printed; whether all that is awaited came.
    fn output(&mut self, bytes: &[u8]) -> anyhow::Result<bool> {
        self.expectation.feed(bytes);
        if self.copy {
            self.kernel_starts.feed(bytes);
            if self.kernel_starts.met() {
                self.copy = false;
                self.monitor()?.human("device_del copy")?;
            }
        }
        Ok(self.expectation.met() && !self.wait.expect.is_empty())
    }

    fn monitor(&mut self) -> anyhow::Result<&mut Monitor> {
        let missing = "QEMU runs without a monitor";
        self.monitor.as_mut().context(missing).code(Code::Failed)
    }

    /// Keys go to a machine that lives: a reader for one that never starts would keep the first
    /// key from the next attempt.
    fn pass_keys(&mut self) {
        if self._raw.is_some()
            && let Some(to) = self.child.stdin.take()
        {
            let sender = self.sender.clone();
            thread::spawn(move || console::input(to, &sender));
        }
    }
}

/// Starts QEMU; it ends with this process. The stream leads to its monitor.
fn spawn(machine: &Machine, accelerator: Accelerator) -> anyhow::Result<(Child, UnixStream)> {
    // Under KVM a failure to start is expected on some hosts and the emulator comes next:
    // only the last attempt's complaints are worth showing.
    let complaints = match accelerator {
        Accelerator::Kvm => Stdio::null(),
        Accelerator::Tcg => Stdio::inherit(),
    };
    let (ours, theirs) = UnixStream::pair()
        .context("no socket can be made for QEMU's monitor")
        .code(Code::Failed)?;
    fcntl_setfd(&theirs, FdFlags::empty())
        .context("a socket cannot be handed to QEMU")
        .code(Code::Failed)?;
    let mut command = Command::new(machine::PROGRAM);
    command
        .args(machine.arguments(accelerator, theirs.as_raw_fd()))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(complaints);
    let child = linux::process::end_with_parent(&mut command)
        .spawn()
        .with_context(|| {
            format!(
                "{} cannot be started; install it with your package manager \
                 (Debian and Ubuntu: apt-get install qemu-system-x86)",
                machine::PROGRAM
            )
        })
        .code(Code::Missing)?;
    Ok((child, ours))
}
