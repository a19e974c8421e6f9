//! A running machine: what it prints is shown, logged and searched, and what is to be done to
//! it is done when its time comes.

use std::collections::BTreeSet;
use std::fs::File;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context;

use super::bus::{self, Row};
use super::console::{self, RawTerminal};
use super::expect::Expectation;
use super::machine::{Accelerator, Machine};
use super::plan::Wait;
use super::qmp::Monitor;
use super::screenshot;
use crate::exit::{Code, WithCode};
use crate::output;

/// How long firmware under KVM may be silent before it counts as stuck. It prints within one
/// second where KVM works.
const SILENCE: Duration = Duration::from_secs(15);

/// What the kernel's EFI stub prints when all of the UKI is in memory.
const KERNEL_STARTS: [&str; 1] = ["EFI stub: "];

/// A screen that did not change for this long stands still.
const STILL: Duration = Duration::from_secs(1);

/// How often it is looked at: a blinking cursor never stands still for sure.
const STILL_TRIES: u32 = 8;

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
    /// No sign of life came at all.
    Silent,
    /// Time ran out.
    TimedOut,
}

/// A machine that is watched. QEMU ends when this is dropped.
pub struct Watch<'a> {
    wait: &'a Wait,
    child: Child,
    /// `None` when QEMU did not get as far as that.
    monitor: Option<Monitor>,
    events: Receiver<Event>,
    sender: Sender<Event>,
    /// The person's terminal, when keys go to the machine.
    raw: Option<RawTerminal>,
    /// A line that tells of life.
    serial: bool,
    expectation: Expectation<'a, String>,
    kernel_starts: Expectation<'static, &'static str>,
    disks: Disks,
    /// Where QEMU puts the screen's content.
    picture: PathBuf,
    pictured: bool,
}

/// Disks that come and go.
struct Disks {
    row: &'static Row,
    /// How many there are, besides a copy.
    count: usize,
    /// Taken away when the kernel starts.
    unplug: BTreeSet<String>,
    /// Asked to go, and not gone yet.
    going: BTreeSet<String>,
    /// They come back this much later.
    away: Option<Duration>,
    /// When they do.
    back: Option<Instant>,
}

impl Disks {
    fn new(machine: &Machine, away: Option<Duration>) -> Self {
        let count = machine.disks.len();
        let copy = machine.copy.iter().map(|_| bus::COPY_NODE.to_owned());
        let disks = (0..count).filter(|_| away.is_some()).map(bus::node);
        Self {
            row: machine.bus,
            count,
            unplug: copy.chain(disks).collect(),
            going: BTreeSet::new(),
            away,
            back: None,
        }
    }
}

impl<'a> Watch<'a> {
    /// Takes up a machine that was just started; `stream` leads to its monitor.
    pub fn new(
        wait: &'a Wait,
        machine: &Machine,
        mut child: Child,
        stream: UnixStream,
        log: Option<File>,
        folder: &Path,
    ) -> Self {
        let (sender, events) = mpsc::channel();
        let show = !wait.quiet && machine.serial;
        let raw = show.then(RawTerminal::enter).flatten();
        if raw.is_some() {
            output::tell("Control-] ends the machine.\r");
        }
        if let Some(from) = child.stdout.take() {
            let sender = sender.clone();
            thread::spawn(move || console::output(from, log, show, &sender));
        }
        Self {
            wait,
            child,
            monitor: Monitor::connect(stream, sender.clone()).ok(),
            events,
            sender,
            raw,
            serial: machine.serial,
            expectation: Expectation::new(&wait.expect),
            kernel_starts: Expectation::new(&KERNEL_STARTS),
            disks: Disks::new(machine, wait.unplug_for),
            picture: folder.join("screen.ppm"),
            pictured: false,
        }
    }

    /// Watches until it ends, or need not go on.
    pub fn finish(
        mut self,
        accelerator: Accelerator,
    ) -> anyhow::Result<(Ending, Expectation<'a, String>)> {
        let ending = self.watch(accelerator)?;
        if ending != Ending::Silent {
            self.take_picture()?;
        }
        Ok((ending, self.expectation.clone()))
    }

    fn watch(&mut self, accelerator: Accelerator) -> anyhow::Result<Ending> {
        let started = Instant::now();
        // Without a serial line only KVM has to prove itself.
        let mut alive = !self.serial && accelerator == Accelerator::Tcg && self.monitor.is_some();
        let mut stopped = None;
        loop {
            let limit = match (alive, accelerator, self.wait.timeout) {
                (false, Accelerator::Kvm, _) => Some(SILENCE),
                (_, _, timeout) => timeout,
            };
            let limit = limit.map(|limit| started + limit);
            let next = limit.into_iter().chain(self.disks.back).min();
            match self.next_event(next) {
                Ok(Event::Output(bytes)) => {
                    if !alive {
                        alive = true;
                        self.pass_keys();
                    }
                    if self.output(&bytes)? {
                        return Ok(Ending::Seen);
                    }
                }
                Ok(Event::Quit) => return Ok(Ending::Quit),
                Ok(Event::Stopped(reason)) => {
                    self.take_picture()?;
                    stopped = Some(reason);
                    // What it printed before may still be on its way: the end comes after it.
                    let _ = self.child.kill();
                }
                Ok(Event::Unplugged(device)) => self.unplugged(&device),
                Ok(Event::Other) => {}
                Ok(Event::End) if alive => return Ok(Ending::Stopped(stopped)),
                Ok(Event::End) => return Ok(Ending::Silent),
                Err(_) if self.disks.back.is_some_and(|back| back <= Instant::now()) => {
                    self.plug()?;
                }
                Err(_) if alive => return Ok(Ending::TimedOut),
                Err(_) if !self.serial && self.lit() => alive = true,
                Err(_) => return Ok(Ending::Silent),
            }
        }
    }

    fn next_event(&self, until: Option<Instant>) -> Result<Event, RecvTimeoutError> {
        match until {
            Some(until) => {
                let left = until.saturating_duration_since(Instant::now());
                self.events.recv_timeout(left)
            }
            // This holds a sender: there is always one.
            None => self.events.recv().map_err(|_| RecvTimeoutError::Timeout),
        }
    }

    /// Takes what the machine printed; whether all that is awaited came.
    fn output(&mut self, bytes: &[u8]) -> anyhow::Result<bool> {
        self.expectation.feed(bytes);
        if !self.disks.unplug.is_empty() {
            self.kernel_starts.feed(bytes);
            if self.kernel_starts.met() {
                self.unplug()?;
            }
        }
        Ok(self.expectation.met() && !self.wait.expect.is_empty())
    }

    fn unplug(&mut self) -> anyhow::Result<()> {
        self.disks.going = std::mem::take(&mut self.disks.unplug);
        for device in self.disks.going.clone() {
            self.monitor()?.human(&format!("device_del {device}"))?;
        }
        Ok(())
    }

    fn unplugged(&mut self, device: &str) {
        if self.disks.going.remove(device) && self.disks.going.is_empty() {
            self.disks.back = self.disks.away.map(|away| Instant::now() + away);
        }
    }

    fn plug(&mut self) -> anyhow::Result<()> {
        self.disks.back = None;
        let row = self.disks.row;
        for device in (0..self.disks.count).flat_map(|number| row.disk(number)) {
            self.monitor()?.human(&format!("device_add {device}"))?;
        }
        Ok(())
    }

    fn monitor(&mut self) -> anyhow::Result<&mut Monitor> {
        let missing = "QEMU runs without a monitor";
        self.monitor.as_mut().context(missing).code(Code::Failed)
    }

    /// Saves the screen once, when that is asked for.
    fn take_picture(&mut self) -> anyhow::Result<()> {
        let Some(screenshot) = self.wait.screenshot.as_ref().filter(|_| !self.pictured) else {
            return Ok(());
        };
        self.pictured = true;
        let mut last = self.screen();
        // What came on the serial line may not be on the screen yet.
        for _ in 0..STILL_TRIES {
            thread::sleep(STILL);
            let next = self.screen();
            let still = matches!((&last, &next), (Ok(last), Ok(next)) if last == next);
            last = next;
            if still {
                break;
            }
        }
        screenshot.save(&last.context("the screen cannot be saved")?)
    }

    /// What is on the screen now: a PPM file.
    fn screen(&mut self) -> anyhow::Result<Vec<u8>> {
        let picture = self.picture.clone();
        self.monitor()?.screen(&picture)
    }

    /// Whether there is anything on the screen.
    fn lit(&mut self) -> bool {
        self.screen().is_ok_and(|ppm| screenshot::lit(&ppm))
    }

    /// Keys go to a machine that lives: a reader for one that never starts would keep the first
    /// key from the next attempt.
    fn pass_keys(&mut self) {
        if self.raw.is_some()
            && let Some(to) = self.child.stdin.take()
        {
            let sender = self.sender.clone();
            thread::spawn(move || console::input(to, &sender));
        }
    }
}

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to stop.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
