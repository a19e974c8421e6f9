//! Step 10: the root's own init takes over.

use std::convert::Infallible;
use std::path::Path;

use contract::{root as places, running};
use linux::process::Program;
use linux::rooted;

use crate::failure::Failure;
use crate::last_failure;
use crate::machine::Machine;
use crate::release::{Release, leave};
use crate::root::Root;
use crate::watchdog;

/// Moves the kernel's file systems into the root and becomes its init. Everything that can be
/// found out beforehand is: after the first move there is only the way on.
pub(crate) fn run(
    machine: &Machine,
    release: &Release,
    root: &Root,
) -> Result<Infallible, Failure> {
    let boot = &release.boot;
    machine.step(format!("starting {}", boot.init));
    let program = rooted::find(&root.path, Path::new(&boot.init));
    if !matches!(&program, Ok(Some(program)) if program.is_program()) {
        let what = format!("the root image has no program {}", boot.init);
        let failure = Failure::new(
            what,
            "build the release with a root that has it, or name another init",
        );
        return Err(match program {
            Err(error) => failure.because(&error),
            Ok(_) => failure,
        });
    }
    let targets: Vec<_> = places::HANDED_OVER
        .iter()
        .map(|inside| Ok((machine.path(inside), root.place(inside)?)))
        .collect::<Result<_, Failure>>()?;

    last_failure::forget(machine);
    watchdog::stop(machine);
    machine.say(&format!("starting {}", boot.init));
    leave(machine, running::LOG, machine.progress().log.as_bytes())?;
    let trouble = |error: linux::Error| {
        Failure::new(
            "root cannot be made the root of the machine",
            "build the release again",
        )
        .because(&error)
    };
    let around = &boot.surroundings;
    let program = Program {
        path: &boot.init,
        arguments: &boot.init_arguments,
        environment: &around.environment,
        directory: &around.directory,
        user: (around.user, around.group, &around.groups),
    };
    // /proc goes last: the targets are reached through it.
    let (proc, others): (Vec<_>, Vec<_>) =
        targets.iter().partition(|(from, _)| from.ends_with("proc"));
    for (from, to) in others.into_iter().chain(proc) {
        machine
            .system
            .move_mount(from, &to.path())
            .map_err(trouble)?;
    }
    machine
        .system
        .hand_over(&root.path, &program)
        .map_err(trouble)
}
