//! A TPM 2.0 for the machine: swtpm, on a socket that QEMU gets.

use std::ffi::OsString;
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::Context;

use super::attempt::inherited;
use crate::exit::{Code, WithCode};

const PROGRAM: &str = "swtpm";

/// A running swtpm: it ends when this is dropped, or with this process.
pub struct Tpm {
    child: Child,
    qemu: UnixStream,
}

impl Tpm {
    /// Starts one whose state is new and lies in `folder`.
    pub fn start(folder: &Path) -> anyhow::Result<Self> {
        let (qemu, theirs) = UnixStream::pair()
            .context("no socket can be made for the TPM")
            .code(Code::Failed)?;
        inherited(&theirs)?;
        let within = |option: &str, name: &str| {
            let mut value = OsString::from(option);
            value.push(folder.join(name));
            value
        };
        let mut command = Command::new(PROGRAM);
        command
            .args(["socket", "--tpm2", "--ctrl"])
            .arg(format!("type=unixio,clientfd={}", theirs.as_raw_fd()))
            .arg("--tpmstate")
            .arg(within("dir=", ""))
            // It tells of every client that leaves, which QEMU does at the end.
            .arg("--log")
            .arg(within("file=", "swtpm.log"))
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        let child = linux::process::end_with_parent(&mut command)
            .spawn()
            .with_context(|| {
                format!(
                    "{PROGRAM} cannot be started; install it with your package manager \
                     (Debian and Ubuntu: apt-get install swtpm)"
                )
            })
            .code(Code::Missing)?;
        // From here on for QEMU: swtpm, which got all that is inherited, has started.
        let tpm = Self { child, qemu };
        inherited(&tpm.qemu)?;
        Ok(tpm)
    }

    /// The descriptor that QEMU inherits.
    pub fn descriptor(&self) -> RawFd {
        self.qemu.as_raw_fd()
    }
}

impl Drop for Tpm {
    fn drop(&mut self) {
        // It may have ended by itself, when QEMU did.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
