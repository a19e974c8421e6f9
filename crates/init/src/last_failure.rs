//! Why a boot failed, kept in a firmware variable until a later one succeeds.
//!
//! 1. A boot that fails writes its reason ([`keep`]) before it restarts the machine.
//! 2. A kernel that stops leaves the end of its log (pstore). The boot after it makes that the
//!    reason: whatever the variable held is older ([`recall`]).
//! 3. The reason is told on the screen and left for the running system ([`recall`]).
//! 4. The boot that hands over removes it ([`forget`]).
//!
//! Nothing here may stop a boot, and nothing here decides anything: firmware gives no protection
//! to a variable.

use contract::failure::{self, Failure};
use contract::running;
use formats::efivars::{BOOTSERVICE_ACCESS, NON_VOLATILE, RUNTIME_ACCESS};
use linux::Error;
use linux::efivars;
use linux::mount::Flags;

use crate::firmware::VARIABLES;
use crate::kernel_log;
use crate::machine::{Machine, printable};
use crate::release::leave;

/// Reads what the boot before this one left.
pub(crate) fn recall(machine: &Machine) {
    let kept = match kernel_log::newest(machine) {
        Some(failure) => {
            // Its records go only when it is kept elsewhere.
            if keep(machine, &failure) {
                kernel_log::remove(machine);
            }
            Some(failure)
        }
        None => read(machine),
    };
    let Some(failure) = kept else { return };
    let words: String = failure.problem.chars().map(printable).collect();
    machine.say(&format!("before this start: {words}"));
    if leave(machine, running::LAST_FAILURE, &failure.to_json()).is_err() {
        machine.say("the reason cannot be left for the running system");
    }
}

/// Writes a reason into the variable; whether it is there.
pub(crate) fn keep(machine: &Machine, failure: &Failure) -> bool {
    let attributes = NON_VOLATILE | BOOTSERVICE_ACCESS | RUNTIME_ACCESS;
    let value = failure.to_json_within(failure::LARGEST);
    let content = [&attributes.to_le_bytes()[..], &value].concat();
    let kept = open(machine).and_then(|()| {
        efivars::write(
            &machine.path(efivars::FOLDER),
            &Failure::file_name(),
            &content,
        )
    });
    close(machine);
    say_trouble(machine, "kept", kept)
}

/// Removes the reason: this boot hands over. What the root finds mounted is writable, as
/// distributions have it.
pub(crate) fn forget(machine: &Machine) {
    let opened = open(machine);
    if machine.path(running::LAST_FAILURE).exists() {
        let folder = machine.path(efivars::FOLDER);
        let removed = opened.and_then(|()| efivars::remove(&folder, &Failure::file_name()));
        say_trouble(machine, "removed", removed);
    }
}

fn read(machine: &Machine) -> Option<Failure> {
    let file = efivars::read(&machine.path(efivars::FOLDER), &Failure::file_name());
    let file = file.ok().flatten()?;
    // 4 bytes of attributes come first. What is no failure is nobody's reason: it is told as
    // such, and goes with the others.
    let value = file.get(4..).unwrap_or_default();
    let failure = Failure::from_json(value).unwrap_or_else(|error| Failure {
        problem: error.to_string(),
        ..Failure::default()
    });
    Some(failure)
}

/// Makes the variables writable: mounted read-only by now, or not at all in a boot that failed
/// early.
fn open(machine: &Machine) -> Result<(), Error> {
    let folder = machine.path(efivars::FOLDER);
    match machine.system.remount(&folder, VARIABLES) {
        Ok(()) => Ok(()),
        Err(_) => machine
            .system
            .mount("efivarfs", &folder, "efivarfs", VARIABLES, ""),
    }
}

fn close(machine: &Machine) {
    let folder = machine.path(efivars::FOLDER);
    // Either it was never opened, and that was told, or it stays writable for the root only.
    let _ = machine.system.remount(&folder, VARIABLES | Flags::RDONLY);
}

fn say_trouble(machine: &Machine, what: &str, result: Result<(), Error>) -> bool {
    if let Err(error) = &result {
        let source = &error.source;
        machine.say(&format!("the reason cannot be {what}: {error}: {source}"));
    }
    result.is_ok()
}
