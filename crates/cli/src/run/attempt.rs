//! One start of the machine, from its files to its end.

use std::fs::File;
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::Context;
use rustix::io::{FdFlags, fcntl_setfd};

use super::expect::Expectation;
use super::machine::{self, Accelerator, Machine};
use super::plan::Plan;
use super::tpm::Tpm;
use super::watch::{Ending, Watch};
use crate::exit::{Code, WithCode};

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
    let tpm = plan.tpm.then(|| Tpm::start(folder.path())).transpose()?;
    let (child, monitor) = spawn(&machine, accelerator, tpm.as_ref())?;
    let watch = Watch::new(&plan.wait, &machine, child, monitor, log, folder.path());
    watch.finish(accelerator)
}

fn new_log(path: &Path) -> anyhow::Result<File> {
    File::create(path)
        .with_context(|| format!("the serial log {} cannot be made", path.display()))
        .code(Code::Failed)
}

/// Starts QEMU; it ends with this process. The stream leads to its monitor.
fn spawn(
    machine: &Machine,
    accelerator: Accelerator,
    tpm: Option<&Tpm>,
) -> anyhow::Result<(Child, UnixStream)> {
    // Under KVM a failure to start is expected on some hosts and the emulator comes next:
    // only the last attempt's complaints are worth showing.
    let complaints = match accelerator {
        Accelerator::Kvm => Stdio::null(),
        Accelerator::Tcg => Stdio::inherit(),
    };
    let (ours, theirs) = UnixStream::pair()
        .context("no socket can be made for QEMU's monitor")
        .code(Code::Failed)?;
    inherited(&theirs)?;
    let tpm = tpm.map(Tpm::descriptor);
    let mut command = Command::new(machine::PROGRAM);
    command
        .args(machine.arguments(accelerator, theirs.as_raw_fd(), tpm))
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

/// Hands a descriptor to the programs that are started from now on.
pub fn inherited(descriptor: impl AsFd) -> anyhow::Result<()> {
    fcntl_setfd(descriptor, FdFlags::empty())
        .context("a socket cannot be handed to another program")
        .code(Code::Failed)
}
