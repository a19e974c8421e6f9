//! Becoming another program (execve(2)).

use std::ffi::CString;
use std::io;
use std::ptr;

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
