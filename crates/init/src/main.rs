//! PID 1 of the initrd: from the kernel's first program to the root's own init.
//!
//! The steps are in [`boot`], in their order. Each either does its work or gives a [`Failure`];
//! there is one policy for failures, [`failure::stop`]: say it on every console, wait, restart.
//! There is no shell and no way on.
//!
//! Everything that changes the machine goes through [`system::System`]. Built with the feature
//! `rehearsal` and started with `--test-root`, the program rehearses: it takes another folder for
//! the machine and says what it would do.

mod command_line;
mod failure;
mod file_systems;
mod firmware;
mod handover;
mod hardware;
mod images;
mod kernel_log;
mod last_failure;
mod lockdown;
mod machine;
mod partition;
mod policy;
mod release;
mod root;
mod start;
mod system;
mod watchdog;

use std::convert::Infallible;

use failure::Failure;
use hardware::Hardware;
use machine::Machine;
use partition::Search;
use release::Release;

fn main() {
    let machine = start::machine();
    failure::stop_on_panic(machine);
    let Err(failure) = boot(machine);
    failure::stop(machine, &failure);
}

/// Starts the release that this initrd was built for, or says why not.
fn boot(machine: &'static Machine) -> Result<Infallible, Failure> {
    file_systems::mount(machine)?;
    let release = Release::pinned(machine)?;
    let mut hardware = Hardware::discover(machine, &release)?;
    watchdog::start(machine);
    let firmware = firmware::state(machine, &release)?;
    last_failure::recall(machine);
    command_line::check(machine, &release, &firmware)?;
    lockdown::raise(machine, &firmware);
    let mut search = Search::new(machine, &release, &firmware);
    let (partition, images) =
        images::map(machine, &release, &firmware, &mut search, &mut hardware)?;
    watchdog::start(machine);
    hardware.ask_again(&images);
    let root = root::assemble(machine, &release, &images)?;
    policy::enforce(machine, &release, &firmware, &partition)?;
    handover::run(machine, &release, &root)
}
