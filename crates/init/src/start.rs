//! How the program was started: as PID 1, or to rehearse.

use std::path::PathBuf;
use std::process;

use crate::machine::Machine;
use crate::system::{Kernel, Rehearsal};

const USAGE: &str = "\
sealboot-init is PID 1 of an initrd: it starts the machine that it runs on.
For tests only, and never as PID 1:
    sealboot-init --test-root DIR --test-cmdline LINE
takes DIR for the machine and says what it would do.";

/// The machine to start. As PID 1 that is this one, whatever the arguments say: the kernel passes
/// on words of the command line that it does not know. Else the arguments must ask for a rehearsal.
///
/// It lives as long as the program: a panic needs it, too.
pub(crate) fn machine() -> &'static Machine {
    let machine = if process::id() == 1 {
        Machine::new(PathBuf::from("/"), Box::new(Kernel::default()))
    } else {
        let Some((folder, command_line)) = rehearsal(std::env::args().skip(1)) else {
            eprintln!("{USAGE}");
            process::exit(2);
        };
        Machine::new(
            folder.clone(),
            Box::new(Rehearsal::new(folder, command_line)),
        )
    };
    Box::leak(Box::new(machine))
}

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

#[cfg(test)]
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
