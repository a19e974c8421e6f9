//! Runs reference tools.

use std::ffi::OsStr;
use std::process::{Command, Output};

/// What a tool printed, on both streams, and whether it ended well. A tool that is missing
/// fails the test and says which Debian package has it.
pub(crate) fn run<A: AsRef<OsStr>>(package: &str, tool: &str, arguments: &[A]) -> (String, bool) {
    let output = output(package, tool, arguments);
    let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.push_str(&String::from_utf8_lossy(&output.stderr));
    (text, output.status.success())
}

/// Standard output of a tool that must end well and say nothing on standard error.
#[allow(dead_code)]
pub(crate) fn stdout<A: AsRef<OsStr>>(package: &str, tool: &str, arguments: &[A]) -> Vec<u8> {
    let output = output(package, tool, arguments);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && errors.is_empty(),
        "{tool}: {errors}"
    );
    output.stdout
}

fn output<A: AsRef<OsStr>>(package: &str, tool: &str, arguments: &[A]) -> Output {
    Command::new(tool)
        .args(arguments)
        // Debian keeps disk tools where only root's PATH leads.
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .env("LC_ALL", "C.UTF-8")
        .env("TZ", "UTC")
        // mtools: neither the user's settings nor a look at the size of the "floppy".
        .env("MTOOLSRC", "/dev/null")
        .env("MTOOLS_SKIP_CHECK", "1")
        .output()
        .unwrap_or_else(|error| {
            panic!(
                "{tool}: {error}; it is in Debian's package {package}: apt-get install {package}"
            )
        })
}
