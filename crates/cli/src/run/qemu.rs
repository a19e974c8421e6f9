//! QEMU's command line, as a value.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::firmware::Firmware;

/// The program looked for on `PATH`.
pub const PROGRAM: &str = "qemu-system-x86_64";

/// How the processor is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accelerator {
    /// The host's processor.
    Kvm,
    /// Emulated: about ten times as slow, works everywhere.
    Tcg,
}

/// The machine to start.
#[derive(Clone, Debug)]
pub struct Machine {
    /// Firmware to start with.
    pub firmware: Firmware,
    /// Variable store of this run; QEMU writes to it.
    pub variables: PathBuf,
    /// Disk image; what the machine writes goes to a temporary file.
    pub disk: PathBuf,
    /// MiB.
    pub memory: u32,
    /// Processors.
    pub processors: u32,
    /// Whether a restart of the machine ends QEMU.
    pub stop_at_restart: bool,
}

impl Machine {
    /// The arguments after the program's name.
    pub fn arguments(&self, accelerator: Accelerator) -> Vec<OsString> {
        let accelerator = match accelerator {
            Accelerator::Kvm => "kvm",
            Accelerator::Tcg => "tcg",
        };
        // The variable store may only be written from system management mode: without this
        // pair, the machine's own root could enrol keys.
        let mut words: Vec<OsString> = vec![
            "-machine".into(),
            format!("q35,smm=on,accel={accelerator}").into(),
            "-global".into(),
            "driver=cfi.pflash01,property=secure,value=on".into(),
            "-cpu".into(),
            "max".into(),
            "-m".into(),
            self.memory.to_string().into(),
            "-smp".into(),
            self.processors.to_string().into(),
        ];
        let code = "if=pflash,unit=0,format=raw,readonly=on";
        let variables = "if=pflash,unit=1,format=raw";
        let disk = "if=none,id=disk,format=raw,snapshot=on";
        for (options, file) in [
            (code, &self.firmware.code),
            (variables, &self.variables),
            (disk, &self.disk),
        ] {
            words.push("-drive".into());
            words.push(drive(options, file));
        }
        words.extend(
            [
                "-device",
                "virtio-blk-pci,drive=disk,bootindex=0",
                "-device",
                "virtio-rng-pci",
                "-nic",
                "none",
                "-display",
                "none",
                "-monitor",
                "none",
                "-chardev",
                "stdio,id=serial,signal=off",
                "-serial",
                "chardev:serial",
            ]
            .map(OsString::from),
        );
        if self.stop_at_restart {
            words.push("-no-reboot".into());
        }
        words
    }
}

/// A `-drive` value. QEMU reads a comma in a file name as the end of it unless it is doubled.
fn drive(options: &str, file: &Path) -> OsString {
    use std::os::unix::ffi::{OsStrExt, OsStringExt};
    let mut value = format!("{options},file=").into_bytes();
    for &byte in file.as_os_str().as_bytes() {
        value.push(byte);
        if byte == b',' {
            value.push(byte);
        }
    }
    OsString::from_vec(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commas_in_file_names_are_doubled() {
        assert_eq!(
            drive("format=raw", Path::new("/a,b")),
            "format=raw,file=/a,,b"
        );
    }
}
