//! Being asked to stop (signal(7)): Ctrl-C, a closed terminal, a polite kill.

use std::io;
use std::mem::MaybeUninit;
use std::ptr;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::Error;

static ASKED: AtomicBool = AtomicBool::new(false);

/// Signals that ask a program to end, and leave it the time to end well.
const SIGNALS: [libc::c_int; 3] = [libc::SIGINT, libc::SIGTERM, libc::SIGHUP];

extern "C" fn note(_: libc::c_int) {
    ASKED.store(true, Ordering::Relaxed);
}

/// From now on these signals end nothing by themselves: [`asked`] tells of them. Calls that wait,
/// such as a read from a terminal, end with `EINTR`.
pub fn watch() -> Result<(), Error> {
    for signal in SIGNALS {
        let mut action = MaybeUninit::<libc::sigaction>::zeroed();
        // SAFETY: all-zero bytes are a valid `sigaction`: no flags, an empty mask, and the
        // default handler, which is replaced here. sigaction(2) reads it during the call only. The
        // handler stores to an atomic, which is allowed at any moment.
        let answer = unsafe {
            let action = action.assume_init_mut();
            action.sa_sigaction = note as extern "C" fn(libc::c_int) as libc::sighandler_t;
            libc::sigaction(signal, action, ptr::null_mut())
        };
        if answer != 0 {
            let error = io::Error::last_os_error();
            return Err(Error::new("cannot wait for", "signals", error));
        }
    }
    Ok(())
}

/// Whether one of them came since [`watch`].
pub fn asked() -> bool {
    ASKED.load(Ordering::Relaxed)
}
