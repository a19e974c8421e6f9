//! `sealboot run`: the release in a virtual machine, with Secure Boot on and the owner's keys
//! enrolled. Plan, machine, attempt, verdict, in this order.

mod attempt;
mod bus;
mod console;
mod disk;
mod entries;
mod expect;
mod firmware;
mod machine;
mod plan;
mod qmp;
mod screenshot;
mod tpm;
mod varstore;
mod verdict;
mod watch;

use std::fs::OpenOptions;

use anyhow::bail;

use crate::args;
use crate::output;
use attempt::attempt;
use machine::Accelerator;
use plan::Plan;
use watch::Ending;

/// Does what the command line says.
pub fn verb(line: &args::Run, quiet: bool) -> anyhow::Result<()> {
    let plan = Plan::new(line, quiet)?;
    let kvm = !plan.no_kvm && OpenOptions::new().write(true).open("/dev/kvm").is_ok();
    let mut accelerators = vec![Accelerator::Tcg];
    if kvm {
        accelerators.insert(0, Accelerator::Kvm);
    }
    for accelerator in accelerators {
        match attempt(&plan, accelerator)? {
            (Ending::Silent, _) if accelerator == Accelerator::Kvm => {
                output::tell("KVM cannot start the firmware here; emulating instead");
            }
            (ending, seen) => return verdict::verdict(&ending, &seen),
        }
    }
    bail!("the machine printed nothing at all")
}
