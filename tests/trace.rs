//! What strace sees of a program: every byte that leaves it.

use std::process::Command;

/// Calls by which bytes leave a process, to files, pipes, sockets, and other programs' arguments and environment.
const LEAVE: &str = "write,pwrite64,writev,pwritev,pwritev2,sendto,sendmsg,sendmmsg,vmsplice,execve,execveat,\
                     memfd_create";

/// Tells `strace` to keep these calls and `more`, of all processes, in the file `trace`; what is to be run
/// follows.
pub fn strace<'a>(strace: &'a mut Command, more: &str) -> &'a mut Command {
    // Nothing is cut off; -v shows the environment.
    strace.args(["-f", "-v", "-xx", "-s", "100000000", "-o", "trace", "-e"]);
    strace.arg(format!("trace={LEAVE},{more}"))
}

/// Bytes as strace shows them.
pub fn traced(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("\\x{byte:02x}")).collect()
}
