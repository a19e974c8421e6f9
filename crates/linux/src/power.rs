//! Restarting and switching off (reboot(2)).

use rustix::system::{RebootCommand, reboot};

use crate::Error;

/// Writes back what is in memory and restarts the machine. Returns only when refused.
pub fn restart() -> Error {
    leave("cannot restart", RebootCommand::Restart)
}

/// Writes back what is in memory and switches the machine off. Returns only when refused.
pub fn power_off() -> Error {
    leave("cannot switch off", RebootCommand::PowerOff)
}

fn leave(action: &'static str, command: RebootCommand) -> Error {
    rustix::fs::sync();
    let answer = reboot(command).err().unwrap_or(rustix::io::Errno::INVAL);
    Error::new(action, "the machine", answer)
}
