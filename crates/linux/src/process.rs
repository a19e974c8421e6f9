//! Programs: becoming another one (execve(2)), and one that ends with this process (prctl(2)).

use std::ffi::CString;
use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::ptr;

use rustix::io::Errno;
use rustix::process::{Pid, Signal, getppid, set_parent_process_death_signal};

use crate::Error;

/// Becomes the program at the path `program`, with `arguments` after its name and this process's
/// environment. Returns only when refused.
pub fn exec(program: &str, arguments: &[String]) -> Error {
    let words = [program]
        .into_iter()
        .chain(arguments.iter().map(String::as_str));
    let words: Vec<CString> = match words.map(CString::new).collect() {
        Ok(words) => words,
        Err(error) => return Error::new("cannot start", program, io::Error::from(error)),
    };
    let pointers = words.iter().map(|word| word.as_ptr());
    let pointers: Vec<_> = pointers.chain([ptr::null()]).collect();
    // SAFETY: execv(3) takes NUL-terminated strings and an array of such that ends with a null
    // pointer. `words` and `pointers` are those and live as long as this process does. Both
    // calls are allowed in any thread: exec ends the others.
    unsafe {
        // Rust ignores SIGPIPE, and a program inherits what is ignored.
        libc::signal(libc::SIGPIPE, libc::SIG_DFL);
        libc::execv(pointers[0], pointers.as_ptr());
    }
    Error::new("cannot start", program, io::Error::last_os_error())
}

/// Makes the program that `command` starts end (SIGKILL) when this process does, however that
/// happens. It ends with the very thread that starts it: call from one that lives as long as the
/// program should.
pub fn end_with_parent(command: &mut Command) -> &mut Command {
    let parent = Pid::from_raw(std::process::id() as i32);
    let ask = move || {
        set_parent_process_death_signal(Some(Signal::KILL))?;
        // It ended before it could be asked for.
        if getppid() != parent {
            return Err(Errno::SRCH.into());
        }
        Ok(())
    };
    // SAFETY: between fork(2) and execve(2) only async-signal-safe calls are allowed. `ask` makes
    // two system calls, takes no lock and allocates nothing; neither does an error from a number.
    unsafe { command.pre_exec(ask) }
}
