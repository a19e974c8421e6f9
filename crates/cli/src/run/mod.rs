//! `sealboot run`: the release in a virtual machine, with Secure Boot on and the owner's keys
//! enrolled.

mod console;
mod expect;
mod firmware;
mod qemu;
mod varstore;

use std::fs;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use crate::args;
use crate::exit::{Code, WithCode};
use crate::output;
use console::{Event, RawTerminal};
use expect::Expectation;
use qemu::{Accelerator, Machine};

/// How long firmware under KVM may be silent before it counts as stuck. It prints within one
/// second where KVM works.
const SILENCE: Duration = Duration::from_secs(15);

/// What to run, and when it counts as good.
struct Options {
    /// Disk image.
    disk: PathBuf,
    /// Folder with `PK.esl`, `KEK.esl`, `db.esl`.
    keys: PathBuf,
    /// MiB.
    memory: u32,
    /// Processors.
    processors: u32,
    /// Copy of everything on the serial line.
    serial_log: Option<PathBuf>,
    /// Texts to wait for, in order.
    expect: Vec<String>,
    /// How long to wait for them.
    timeout: Option<Duration>,
    /// Emulate even where KVM could be used.
    no_kvm: bool,
    /// Show nothing of the serial line.
    quiet: bool,
}

/// How a run ended.
#[derive(Debug, PartialEq)]
enum Ending {
    /// All expected texts came.
    Seen,
    /// The machine ended: powered off, or restarted where that ends it.
    Ended,
    /// The person typed the quit key.
    Quit,
    /// No text of the machine came at all.
    Silent,
    /// Time ran out.
    TimedOut,
}

/// How long expected texts are waited for when the command line does not say.
const PATIENCE: Duration = Duration::from_secs(300);

/// Does what the command line says.
pub fn verb(line: &args::Run, quiet: bool) -> anyhow::Result<()> {
    let patience = (!line.expect.is_empty()).then_some(PATIENCE);
    run(&Options {
        disk: line.disk.clone(),
        keys: line.keys.folder.clone(),
        memory: line.memory,
        processors: line.smp,
        serial_log: line.serial_log.clone(),
        expect: line.expect.clone(),
        timeout: line.timeout.map(Duration::from_secs).or(patience),
        no_kvm: line.no_kvm,
        quiet,
    })
}

/// Runs the machine to its end.
fn run(options: &Options) -> anyhow::Result<()> {
    if !options.disk.is_file() {
        let what = format!("there is no disk image {}", options.disk.display());
        return Err(anyhow::anyhow!("{what}; 'sealboot build' makes one")).code(Code::Missing);
    }
    fs::File::open(&options.disk)
        .with_context(|| format!("the disk image {} cannot be read", options.disk.display()))
        .code(Code::Failed)?;
    let firmware = firmware::find(Path::new("/"))
        .context(
            "no OVMF firmware with Secure Boot was found; install it with your package \
             manager (Debian and Ubuntu: apt-get install ovmf)",
        )
        .code(Code::Missing)?;
    let folder = tempfile::tempdir()
        .context("no temporary folder can be made for the machine's variables")?;
    let variables = folder.path().join("variables.fd");
    let enrolled = varstore::enrolled(&firmware.variables, &options.keys)?;
    let machine = Machine {
        firmware,
        variables: variables.clone(),
        disk: options.disk.clone(),
        memory: options.memory,
        processors: options.processors,
        stop_at_restart: !options.expect.is_empty(),
    };
    let kvm = !options.no_kvm && fs::OpenOptions::new().write(true).open("/dev/kvm").is_ok();
    let mut accelerators = vec![Accelerator::Tcg];
    if kvm {
        accelerators.insert(0, Accelerator::Kvm);
    }
    for accelerator in accelerators {
        fs::write(&variables, &enrolled)
            .context("the machine's variable store cannot be written")?;
        match attempt(&machine, accelerator, options)? {
            (Ending::Silent, _) if accelerator == Accelerator::Kvm => {
                output::tell("KVM cannot start the firmware here; emulating instead");
            }
            (ending, expectation) => return verdict(&ending, &expectation, options),
        }
    }
    bail!("the machine printed nothing at all")
}

fn attempt<'a>(
    machine: &Machine,
    accelerator: Accelerator,
    options: &'a Options,
) -> anyhow::Result<(Ending, Expectation<'a>)> {
    // Before the machine is started: nothing may fail then, or it would go on alone.
    let log = options.serial_log.as_deref().map(new_log).transpose()?;
    let mut child = start(machine, accelerator)?;
    let (sender, events) = mpsc::channel();
    let show = !options.quiet;
    let raw = show.then(RawTerminal::enter).flatten();
    if raw.is_some() {
        output::tell("Control-] ends the machine.\r");
    }
    if let Some(from) = child.stdout.take() {
        let sender = sender.clone();
        thread::spawn(move || console::output(from, log, show, &sender));
    }
    // Keys go to a machine that lives: a reader for one that never starts would keep the first
    // key from the next attempt.
    let mut keys = raw.as_ref().and(child.stdin.take());
    let started = Instant::now();
    let mut expectation = Expectation::new(&options.expect);
    let mut heard = false;
    let ending = loop {
        let limit = match (heard, accelerator, options.timeout) {
            (false, Accelerator::Kvm, _) => Some(SILENCE),
            (_, _, timeout) => timeout,
        };
        let event = match limit {
            Some(limit) => events.recv_timeout(limit.saturating_sub(started.elapsed())),
            None => events.recv().map_err(|_| RecvTimeoutError::Disconnected),
        };
        match event {
            Ok(Event::Output(bytes)) => {
                heard = true;
                if let Some(to) = keys.take() {
                    let sender = sender.clone();
                    thread::spawn(move || console::input(to, &sender));
                }
                expectation.feed(&bytes);
                if expectation.met() && !options.expect.is_empty() {
                    break Ending::Seen;
                }
            }
            Ok(Event::Quit) => break Ending::Quit,
            Err(RecvTimeoutError::Timeout) if heard => break Ending::TimedOut,
            Ok(Event::End) | Err(RecvTimeoutError::Disconnected) if heard => break Ending::Ended,
            Ok(Event::End) | Err(_) => break Ending::Silent,
        }
    };
    // It may have ended by itself; then there is nothing to stop.
    let _ = child.kill();
    let _ = child.wait();
    Ok((ending, expectation))
}

fn new_log(path: &Path) -> anyhow::Result<fs::File> {
    fs::File::create(path)
        .with_context(|| format!("the serial log {} cannot be made", path.display()))
        .code(Code::Failed)
}

fn start(machine: &Machine, accelerator: Accelerator) -> anyhow::Result<Child> {
    // Under KVM a failure to start is expected on some hosts and the emulator comes next:
    // only the last attempt's complaints are worth showing.
    let complaints = match accelerator {
        Accelerator::Kvm => Stdio::null(),
        Accelerator::Tcg => Stdio::inherit(),
    };
    Command::new(qemu::PROGRAM)
        .args(machine.arguments(accelerator))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(complaints)
        .spawn()
        .with_context(|| {
            format!(
                "{} cannot be started; install it with your package manager \
                 (Debian and Ubuntu: apt-get install qemu-system-x86)",
                qemu::PROGRAM
            )
        })
        .code(Code::Missing)
}

fn verdict(ending: &Ending, seen: &Expectation<'_>, options: &Options) -> anyhow::Result<()> {
    if std::io::stderr().is_terminal() {
        output::tell("");
    }
    let what = match (ending, seen.next()) {
        (Ending::Seen, _) => {
            output::tell(&format!("seen: {}", options.expect.join(", then ")));
            return Ok(());
        }
        (Ending::Quit, _) | (Ending::Ended, None) => return Ok(()),
        (Ending::TimedOut, None) => return Ok(()),
        (Ending::Ended, Some(text)) => format!("the machine stopped before it printed {text:?}"),
        (Ending::TimedOut, Some(text)) => format!("time ran out before {text:?} was printed"),
        (Ending::Silent, _) => "the machine printed nothing at all".to_owned(),
    };
    let last = match seen.tail() {
        tail if tail.is_empty() => String::new(),
        tail => format!("; the last it printed:\n{tail}"),
    };
    Err(anyhow::anyhow!("{what}{last}")).code(Code::Unexpected)
}
