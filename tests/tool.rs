//! Reference tools: programs that others use for what is tested. One that is missing fails the
//! test and says which Debian package has it.

use std::ffi::OsStr;
use std::process::{Command, Output};

/// Runs a tool: the same words, times and settings wherever the test runs.
pub fn output(package: &str, command: &mut Command) -> Output {
    // Debian keeps disk tools where only root's PATH leads.
    let path = format!(
        "{}:/usr/sbin:/sbin",
        std::env::var("PATH").unwrap_or_default()
    );
    command.env("PATH", path).env("LC_ALL", "C.UTF-8");
    command.env("TZ", "UTC");
    // mtools: neither the user's settings nor a look at the size of the "floppy".
    command.env("MTOOLSRC", "/dev/null");
    command.env("MTOOLS_SKIP_CHECK", "1");
    let output = command.output();
    output.unwrap_or_else(|error| {
        let name = command.get_program().to_string_lossy().into_owned();
        panic!("{name}: {error}; it is in Debian's package {package}: apt-get install {package}")
    })
}

/// Standard output of a tool that must end well.
pub fn stdout(package: &str, command: &mut Command) -> Vec<u8> {
    let output = output(package, command);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {said}");
    output.stdout
}

/// Whether a tool ended well, and what it printed on both streams.
pub fn answer(package: &str, command: &mut Command) -> (bool, String) {
    let output = output(package, command);
    let said = [output.stdout, output.stderr].concat();
    (
        output.status.success(),
        String::from_utf8_lossy(&said).into_owned(),
    )
}

/// [`answer`] of a program with arguments.
pub fn run<A: AsRef<OsStr>>(package: &str, program: &str, arguments: &[A]) -> (bool, String) {
    answer(package, Command::new(program).args(arguments))
}
