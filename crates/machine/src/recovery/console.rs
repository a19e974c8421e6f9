//! The first screen, on every console, and a shell below it where the release allows that.

use std::io::{self, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use contract::recovery::{Console, PATH, Settings};
use linux::tty::Consoles;

use crate::status::{Network, Status};

/// How long the first screen waits for the network: a switch takes 3 s to 5 s to see a cable.
const PATIENCE: Duration = Duration::from_secs(8);

/// How often interfaces are looked at.
const PAUSE: Duration = Duration::from_millis(500);

/// Shows the screen, gives shells, tells of addresses that come later; never ends.
pub fn run(settings: &Settings) -> ! {
    let end = Instant::now() + PATIENCE;
    while !Network::of_this_machine().settled() && Instant::now() < end {
        thread::sleep(PAUSE);
    }
    // Only now: USB disks take seconds to appear, too.
    let status = Status::of_this_machine();
    let (sys, dev) = (Path::new("/sys"), Path::new("/dev"));
    let mut consoles = Consoles::open(sys, dev);
    consoles.write(&format!("\n{}", status.first_screen()));
    if settings.console == Console::Shell {
        for name in terminals(&linux::tty::active(sys)) {
            thread::spawn(move || shells(&name));
        }
    }
    let mut known = status.network;
    loop {
        thread::sleep(PAUSE);
        let now = Network::of_this_machine();
        for line in now.news(&known) {
            consoles.write(&format!("\n{line}\n"));
        }
        known = now;
    }
}

/// Where shells run: serial consoles, and the screen's first two terminals (Alt-F1, Alt-F2).
fn terminals(active: &[String]) -> Vec<String> {
    let names = active.iter().flat_map(|name| match name.as_str() {
        "tty0" => vec!["tty1".to_owned(), "tty2".to_owned()],
        name => vec![name.to_owned()],
    });
    names.collect()
}

/// One shell after the other on a terminal. A person who leaves one finds the screen again.
fn shells(name: &str) -> ! {
    let mut again = name == "tty2";
    loop {
        let _ = shell(name, again);
        again = true;
        // What fails at once must not keep a processor busy.
        thread::sleep(Duration::from_secs(1));
    }
}

fn shell(name: &str, screen: bool) -> io::Result<()> {
    let opened = linux::tty::open(Path::new("/dev"), name);
    let mut terminal = opened.map_err(|error| error.source)?;
    if screen {
        terminal.write_all(Status::of_this_machine().first_screen().as_bytes())?;
    }
    // setsid -c makes it the controlling terminal: Control-C reaches what runs there. busybox's
    // has no long options.
    Command::new("setsid")
        .args(["-c", "sh", "-l"])
        .env("PATH", PATH.join(":"))
        .env("TERM", kind(name))
        .stdin(Stdio::from(terminal.try_clone()?))
        .stdout(Stdio::from(terminal.try_clone()?))
        .stderr(Stdio::from(terminal))
        .status()?;
    Ok(())
}

/// Which terminal programs must think it is (terminfo(5)): tty1 is the kernel's own; the other end
/// of a serial line understands at least a VT220.
fn kind(name: &str) -> &'static str {
    let number = name.strip_prefix("tty").unwrap_or_default();
    match number.parse::<u8>() {
        Ok(_) => "linux",
        Err(_) => "vt220",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_screen_has_two_terminals_and_a_serial_line_one() {
        let active = ["tty0".to_owned(), "ttyS0".to_owned()];
        assert_eq!(terminals(&active), ["tty1", "tty2", "ttyS0"]);
        assert_eq!(terminals(&[]), [""; 0]);
        let kinds = ["tty2", "ttyS0", "ttyAMA0", "hvc0"].map(kind);
        assert_eq!(kinds, ["linux", "vt220", "vt220", "vt220"]);
    }
}
