//! Step 9: from here on the kernel executes only what the release's images hold.
//!
//! The signed policy lies beside the images, on a disk that anybody may have written to: the kernel checks
//! its signature, and what it says must be what follows from the pinned manifest. An older release's,
//! which is signed as well, is refused.
//!
//! Nothing of the initrd is executed any more after this: the policy does not allow it. What
//! could turn enforcement off again goes with it: CAP_MAC_ADMIN, from the programs that are to
//! come and from those that the kernel starts by itself.

use std::path::Path;

use contract::boot::Execute;
use contract::{esp, policy};
use linux::capability;

use crate::failure::Failure;
use crate::firmware::Firmware;
use crate::machine::Machine;
use crate::partition::{Partition, read_small};
use crate::release::Release;

/// What is written, in this order, once the kernel has accepted the policy.
const SETTINGS: &[(&str, &str)] = &[
    (policy::ACTIVE, "1"),
    (policy::SUCCESS_AUDIT, "0"),
    (policy::ENFORCE, "1"),
];

/// The capabilities of programs that the kernel starts: what handles a crash, for one.
const HELPERS: &str = "/proc/sys/kernel/usermodehelper/bset";

/// Largest policy that is read, in bytes. Ours have about 2 KiB.
const LARGEST: u64 = 16 << 10;

/// `errno` for "no key to check the signature with" (errno(3)).
const NO_KEY: i32 = 126;

/// `errno` for "no such file": the kernel was started without IPE.
const NO_FILE: i32 = 2;

/// Loads the policy, makes it the active one, and enforces it. A release that asks for none is
/// left as it is.
pub(crate) fn enforce(
    machine: &Machine,
    release: &Release,
    firmware: &Firmware,
    partition: &Partition,
) -> Result<(), Failure> {
    if release.boot.execute == Execute::Any {
        return Ok(());
    }
    machine.step("enforcing the execution policy");
    let signed = signed(release, &partition.release)?;
    match machine
        .system
        .write(&machine.path(policy::NEW_POLICY), &signed)
    {
        // Whoever can turn Secure Boot off can leave the policy out as well, and a machine must
        // start before its owner's keys are enrolled.
        Err(error) if error.errno() == Some(NO_KEY) && !firmware.secure_boot.on => {
            machine.warn(
                "execution is NOT RESTRICTED, although the release asks for it",
                &[
                    "The firmware does not have the certificate that its policy is",
                    "signed with: enrol the owner's keys, and turn Secure Boot on.",
                ],
            );
            return Ok(());
        }
        answer => answer.map_err(refused)?,
    }
    compare(machine, release)?;
    for (path, value) in SETTINGS {
        set(machine, path, value)?;
    }
    give_up(machine)?;
    machine.say("execution is restricted to the images of this release");
    Ok(())
}

/// The policy's file, on a boot partition's folder of the release. Only its signature and its text say
/// whether it is the right one.
pub(crate) fn signed(release: &Release, folder: &Path) -> Result<Vec<u8>, Failure> {
    let name = esp::policy_file(release.manifest.system_name());
    read_small(&folder.join(&name), LARGEST).map_err(|error| {
        let what = format!("the execution policy {name} cannot be read");
        Failure::new(what, "write the release to this disk again").because(&error)
    })
}

/// What the kernel took is what follows from the pinned manifest.
fn compare(machine: &Machine, release: &Release) -> Result<(), Failure> {
    let other = || {
        Failure::new(
            "the execution policy on the disk is another release's",
            "write the release to this disk again",
        )
    };
    // A policy of another name is in another folder.
    let found = std::fs::read_to_string(machine.path(policy::TEXT));
    let found = found.map_err(|error| other().because(&error))?;
    let expected = policy::text(&release.manifest);
    let mut lines = expected.lines().zip(found.lines());
    match lines.find(|(ours, theirs)| ours != theirs) {
        Some((ours, theirs)) => Err(other().differs(ours, theirs)),
        None if found != expected => Err(other()),
        None => Ok(()),
    }
}

fn unable() -> Failure {
    Failure::new(
        "this kernel cannot restrict execution, as the release asks for",
        "build the release with a kernel that starts the security module ipe",
    )
}

fn refused(error: linux::Error) -> Failure {
    let failure = match error.errno() {
        Some(NO_KEY) => Failure::new(
            "the kernel does not accept the signature of the execution policy: no db certificate fits",
            "sign the release with the db key that this machine's firmware holds, and write it again",
        ),
        Some(NO_FILE) => unable(),
        _ => Failure::new(
            "the kernel does not accept the execution policy",
            "build the release again; if that does not help, with another kernel",
        ),
    };
    failure.because(&error)
}

/// Writes a setting and reads it back: it counts only when the kernel says so itself.
fn set(machine: &Machine, path: &str, value: &str) -> Result<(), Failure> {
    let written = machine.system.write(&machine.path(path), value.as_bytes());
    written.map_err(|error| unset(path).because(&error))?;
    let found = read(machine, path)?;
    match found.trim_ascii_end() == value {
        true => Ok(()),
        false => Err(unset(path).differs(value, found)),
    }
}

fn read(machine: &Machine, path: &str) -> Result<String, Failure> {
    let read = std::fs::read_to_string(machine.path(path));
    read.map_err(|error| unset(path).because(&error))
}

fn unset(path: &str) -> Failure {
    let what = format!("execution cannot be restricted: {path} does not take its value");
    Failure::new(what, "build the release with another kernel")
}

/// Gives up what changes a policy: root itself cannot end enforcement.
fn give_up(machine: &Machine) -> Result<(), Failure> {
    let found = read(machine, HELPERS)?;
    let Some(left) = capability::without_mac_admin(&found) else {
        return Err(unset(HELPERS).differs("two numbers", found));
    };
    set(machine, HELPERS, &left)?;
    machine.system.give_up_mac_admin().map_err(|error| {
        Failure::new(
            "the right to change the execution policy cannot be given up",
            "build the release with another kernel",
        )
        .because(&error)
    })
}
