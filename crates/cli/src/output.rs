//! What the command prints: results on standard output, everything else on standard error.

use std::io::{self, ErrorKind, Write};

use anyhow::Context;

use crate::exit::{Code, WithCode};

/// Prints a result. A reader that has gone away (`… | head`) has had enough; any other failure
/// is one, because what was asked for did not arrive.
pub fn print(text: &str) -> anyhow::Result<()> {
    let mut out = anstream::stdout();
    let printed = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    match printed {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error)
            .context("the result cannot be printed on standard output")
            .code(Code::Failed),
        _ => Ok(()),
    }
}

/// Prints a result as indented JSON.
pub fn print_json(value: &impl serde::Serialize) -> anyhow::Result<()> {
    print(&(serde_json::to_string_pretty(value)? + "\n"))
}

/// Tells a person something, on a line of its own. When nobody can be told, there is nobody to
/// tell that either.
pub fn tell(line: &str) {
    let _ = writeln!(anstream::stderr(), "{line}").and_then(|()| io::stderr().flush());
}

/// Asks a person something: the answer is typed on the same line.
pub fn ask(question: &str) {
    let _ = write!(anstream::stderr(), "{question}").and_then(|()| io::stderr().flush());
}
