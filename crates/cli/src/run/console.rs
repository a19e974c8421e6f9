//! The serial line of the machine, on this terminal: bytes out to the screen, to a log and to
//! a watcher; keys in.

use std::fs::File;
use std::io::{self, IsTerminal, Read, Write};
use std::process::{ChildStdin, ChildStdout};
use std::sync::mpsc::Sender;

use rustix::termios::{OptionalActions, Termios, tcgetattr, tcsetattr};

use super::watch::Event;
use crate::output;

/// Control-] ends the machine, as in telnet and virsh.
const QUIT: u8 = 0x1d;

/// Copies what the machine prints to the terminal and to `log`, and tells `events` of it.
pub fn output(mut from: ChildStdout, mut log: Option<File>, show: bool, events: &Sender<Event>) {
    let mut buffer = [0; 4096];
    let mut screen = io::stdout();
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        let bytes = &buffer[..count];
        if show {
            // A closed terminal must not stop the machine or the log.
            let _ = screen.write_all(bytes).and_then(|()| screen.flush());
        }
        if let Some(file) = &mut log
            && let Err(error) = file.write_all(bytes)
        {
            output::tell(&format!(
                "the serial log cannot be written any more: {error}"
            ));
            log = None;
        }
        if events.send(Event::Output(bytes.to_vec())).is_err() {
            return;
        }
    }
    let _ = events.send(Event::End);
}

/// Passes keys to the machine until the line closes or [`QUIT`] is typed.
pub fn input(mut to: ChildStdin, events: &Sender<Event>) {
    let mut buffer = [0; 256];
    let mut keys = io::stdin();
    while let Ok(count @ 1..) = keys.read(&mut buffer) {
        let bytes = &buffer[..count];
        if bytes.contains(&QUIT) {
            let _ = events.send(Event::Quit);
            return;
        }
        if to.write_all(bytes).and_then(|()| to.flush()).is_err() {
            return;
        }
    }
}

/// The terminal without echo and line editing, until this is dropped.
pub struct RawTerminal(Termios);

impl RawTerminal {
    /// `None` when standard input is no terminal.
    pub fn enter() -> Option<Self> {
        let stdin = io::stdin();
        if !stdin.is_terminal() {
            return None;
        }
        let before = tcgetattr(&stdin).ok()?;
        let mut raw = before.clone();
        raw.make_raw();
        tcsetattr(&stdin, OptionalActions::Now, &raw).ok()?;
        Some(Self(before))
    }
}

impl Drop for RawTerminal {
    fn drop(&mut self) {
        let _ = tcsetattr(io::stdin(), OptionalActions::Now, &self.0);
    }
}
