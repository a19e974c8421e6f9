//! The hardware watchdog, when the machine has one: an init or a kernel that is stuck ends in a
//! restart, and the firmware may then start another slot.
//!
//! A thread feeds it, because a single step may take longer than the watchdog waits. It does so while the program gives signs of life, and every
//! line on the screen is one. At the hand-over it is stopped, so that a root that knows nothing
//! of watchdogs is not restarted.

use std::time::Duration;

use crate::machine::Machine;

/// Seconds of silence after which the hardware restarts the machine.
const TIMEOUT: u32 = 60;

/// How often it is fed: several times per [`TIMEOUT`], also of hardware that only knows a shorter one.
const FEED: Duration = Duration::from_secs(5);

/// How many seconds a step may take without a sign of life, unless the command line says another
/// number: drivers of RAID controllers take minutes.
pub(crate) const PATIENCE: u64 = 300;

/// Starts it if it is there and does not run yet. Called twice: a driver may come late.
pub(crate) fn start(machine: &'static Machine) {
    let watchdog = match machine.system.start_watchdog(TIMEOUT) {
        Ok(Some(watchdog)) => watchdog,
        Ok(None) => return,
        Err(error) => {
            let source = &error.source;
            machine.say(&format!("no watchdog: {error}: {source}"));
            return;
        }
    };
    machine.say(&format!("watchdog: {watchdog}"));
    std::thread::spawn(move || {
        while machine.system.feed_watchdog(machine.lively()) {
            std::thread::sleep(FEED);
        }
    });
}

/// Stops it.
pub(crate) fn stop(machine: &Machine) {
    match machine.system.stop_watchdog() {
        Ok(None) => {}
        Ok(Some(words)) => machine.say(&words),
        Err(error) => {
            let source = &error.source;
            machine.say(&format!("the watchdog runs on: {error}: {source}"));
        }
    }
}
