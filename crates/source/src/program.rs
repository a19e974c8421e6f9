//! Asking another program: something on its standard input, the answer on its standard output.

use std::io::{self, Read, Write};
use std::process::{Command, ExitStatus, Stdio};

use zeroize::Zeroizing;

/// Starts a program, gives it `question`, and takes at most `most` bytes of what it answers. The error says
/// what it could not do: "cannot be started: …".
pub(crate) fn ask(
    command: &mut Command,
    question: &[u8],
    most: u64,
) -> Result<(Zeroizing<Vec<u8>>, ExitStatus), String> {
    let command = command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let child = command.spawn();
    let mut child = child.map_err(|error| format!("cannot be started: {error}"))?;
    if let Some(mut input) = child.stdin.take() {
        match input.write_all(question) {
            // A program that does not want to know says so with its status.
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                return Err(format!("cannot be asked: {error}"));
            }
            _ => {}
        }
    }
    let mut answer = Zeroizing::new(Vec::new());
    if let Some(output) = child.stdout.take() {
        let read = output.take(most).read_to_end(&mut answer);
        read.map_err(|error| format!("cannot be heard: {error}"))?;
    }
    let status = child.wait();
    let status = status.map_err(|error| format!("cannot be waited for: {error}"))?;
    Ok((answer, status))
}
