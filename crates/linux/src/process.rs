//! Programs: becoming another one (execve(2)), and one that ends with this process (prctl(2)).

use std::convert::Infallible;
use std::ffi::CString;
use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::ptr;

use rustix::io::Errno;
use rustix::process::{Gid, Pid, Signal, Uid, getppid, set_parent_process_death_signal};
use rustix::thread::{set_thread_gid, set_thread_groups, set_thread_uid};

use crate::Error;

/// A program to become.
#[derive(Clone, Copy, Debug)]
pub struct Program<'a> {
    /// Its path.
    pub path: &'a str,
    /// What comes after its name.
    pub arguments: &'a [String],
    /// All of its environment, `NAME=value`; when empty, it has this process's.
    pub environment: &'a [String],
    /// Where it starts.
    pub directory: &'a str,
    /// Its user, its group, and the other groups that it is in.
    pub user: (u32, u32, &'a [u32]),
}

impl<'a> Program<'a> {
    /// A program that goes on as this one is: in its environment, as root.
    pub fn of_root(path: &'a str, arguments: &'a [String]) -> Self {
        Self {
            path,
            arguments,
            environment: &[],
            directory: "/",
            user: (0, 0, &[]),
        }
    }
}

/// Becomes that program. Returns only when refused.
pub fn exec(program: &Program<'_>) -> Error {
    let Err(error) = start(program);
    error
}

fn start(program: &Program<'_>) -> Result<Infallible, Error> {
    let path = program.path.to_owned();
    let words = strings([&path].into_iter().chain(program.arguments))?;
    let environment = strings(program.environment)?;
    become_user(program.user)?;
    rustix::process::chdir(program.directory)
        .map_err(|error| Error::new("cannot enter", program.directory, io::Error::from(error)))?;
    Err(replace(program.path, &words, &environment))
}

/// Strings as the kernel takes them.
fn strings<'a>(words: impl IntoIterator<Item = &'a String>) -> Result<Vec<CString>, Error> {
    let words = words.into_iter().map(|word| {
        CString::new(word.as_str())
            .map_err(|error| Error::new("cannot start", word, io::Error::from(error)))
    });
    words.collect()
}

/// Takes the rights of this thread from it, which is the one that goes on.
fn become_user((user, group, groups): (u32, u32, &[u32])) -> Result<(), Error> {
    if (user, group, groups) == (0, 0, &[]) {
        return Ok(());
    }
    let groups: Vec<Gid> = groups.iter().map(|group| Gid::from_raw(*group)).collect();
    set_thread_groups(&groups)
        .and_then(|()| set_thread_gid(Gid::from_raw(group)))
        .and_then(|()| set_thread_uid(Uid::from_raw(user)))
        .map_err(|error| {
            Error::new(
                "cannot become",
                format!("user {user}:{group}"),
                io::Error::from(error),
            )
        })
}

/// Returns only when refused.
fn replace(program: &str, words: &[CString], environment: &[CString]) -> Error {
    let pointers = |strings: &[CString]| -> Vec<*const libc::c_char> {
        let pointers = strings.iter().map(|string| string.as_ptr());
        pointers.chain([ptr::null()]).collect()
    };
    let (arguments, variables) = (pointers(words), pointers(environment));
    // SAFETY: execv(3) and execve(2) take NUL-terminated strings and arrays of such that end with
    // a null pointer. `words` and `environment` are those, `words` has its program's name at
    // least, and all of them live as long as this function. The calls are allowed in any thread:
    // exec ends the others.
    unsafe {
        // Rust ignores SIGPIPE, and a program inherits what is ignored.
        libc::signal(libc::SIGPIPE, libc::SIG_DFL);
        match environment {
            [] => libc::execv(arguments[0], arguments.as_ptr()),
            _ => libc::execve(arguments[0], arguments.as_ptr(), variables.as_ptr()),
        };
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
