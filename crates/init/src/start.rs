//! How the program was started: as PID 1, or to rehearse.

use std::path::PathBuf;
use std::process;

use crate::machine::Machine;
use crate::system::Kernel;

const USAGE: &str = "\
sealboot-init is PID 1 of an initrd: it starts the machine that it runs on.
For tests only, when built with the feature `rehearsal`, and never as PID 1:
    sealboot-init --test-root DIR --test-cmdline LINE
takes DIR for the machine and says what it would do.
";

/// The machine to start. As PID 1 that is this one, whatever the arguments say: the kernel passes
/// on words of the command line that it does not know. Else the arguments must ask for a rehearsal.
///
/// It lives as long as the program: a panic needs it, too.
pub(crate) fn machine() -> &'static Machine {
    let machine = if process::id() == 1 {
        Some(Machine::new(
            PathBuf::from("/"),
            Box::new(Kernel::default()),
        ))
    } else {
        rehearsed()
    };
    let Some(machine) = machine else {
        // A message to a closed terminal is no reason to panic.
        let _ = std::io::Write::write_all(&mut std::io::stderr(), USAGE.as_bytes());
        process::exit(2);
    };
    Box::leak(Box::new(machine))
}

#[cfg(not(feature = "rehearsal"))]
fn rehearsed() -> Option<Machine> {
    None
}

#[cfg(feature = "rehearsal")]
fn rehearsed() -> Option<Machine> {
    let (folder, command_line) = rehearsal(std::env::args().skip(1))?;
    let system = crate::system::Rehearsal::new(folder.clone(), command_line);
    Some(Machine::new(folder, Box::new(system)))
}

#[cfg(feature = "rehearsal")]
fn rehearsal(mut arguments: impl Iterator<Item = String>) -> Option<(PathBuf, String)> {
    let (mut folder, mut command_line) = (None, None);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--test-root" => folder = Some(PathBuf::from(arguments.next()?)),
            "--test-cmdline" => command_line = Some(arguments.next()?),
            _ => return None,
        }
    }
    Some((folder?, command_line?))
}

#[cfg(all(test, feature = "rehearsal"))]
mod tests {
    use super::*;

    #[test]
    fn a_rehearsal_needs_both_arguments() {
        let read = |line: &str| rehearsal(line.split(' ').map(str::to_owned));
        assert_eq!(
            read("--test-root /r --test-cmdline quiet"),
            Some((PathBuf::from("/r"), "quiet".to_owned()))
        );
        for line in [
            "",
            "--test-root /r",
            "--test-root",
            "--test-cmdline x",
            "--test-root /r --test-cmdline x y",
        ] {
            assert_eq!(read(line), None, "{line}");
        }
    }
}
