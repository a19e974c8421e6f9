//! QEMU's command line, as a value.

use std::ffi::OsString;
use std::os::fd::RawFd;
use std::path::{Path, PathBuf};

use super::bus::{COPY, Row};
use super::disk::Disk;
use super::firmware::Firmware;
use crate::args::Forward;

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
    /// How the disks are attached.
    pub bus: &'static Row,
    /// In the order in which the firmware tries them.
    pub disks: Vec<Disk>,
    /// What the firmware reads when it cannot read `disks`.
    pub copy: Option<Disk>,
    /// MiB.
    pub memory: u32,
    /// Processors.
    pub processors: u32,
    /// Ports that are passed on; `None`: no network card.
    pub network: Option<Vec<Forward>>,
    /// It has a serial line: QEMU's standard input and output.
    pub serial: bool,
    /// It has a graphics card.
    pub screen: bool,
    /// Words that systemd-stub adds to the command line, where nothing forbids it.
    pub kernel_words: Option<&'static str>,
    /// Whether a restart of the machine ends it.
    pub stop_at_restart: bool,
}

impl Machine {
    /// The arguments after the program's name. `monitor` is the descriptor on which QEMU
    /// speaks QMP, `tpm` the one on which it speaks to swtpm.
    pub fn arguments(
        &self,
        accelerator: Accelerator,
        monitor: RawFd,
        tpm: Option<RawFd>,
    ) -> Vec<OsString> {
        let accelerator = match accelerator {
            Accelerator::Kvm => "kvm",
            // One thread for all processors: with one each, QEMU now and then runs half of an
            // instruction that the kernel is just replacing, and the kernel stops with an oops.
            Accelerator::Tcg => "tcg,thread=single",
        };
        let mut words = Words(Vec::new());
        words.add("-nodefaults", "");
        words.add("-machine", "q35,smm=on");
        words.add("-accel", accelerator);
        // The variable store may only be written from system management mode: without this
        // and smm=on, the machine's own root could enrol keys.
        words.add("-global", "driver=cfi.pflash01,property=secure,value=on");
        // The watchdog resets the machine only when this pin strap says so.
        words.add("-global", "ICH9-LPC.noreboot=off");
        words.add("-cpu", "max");
        words.add("-m", self.memory.to_string());
        words.add("-smp", self.processors.to_string());
        let code = "if=pflash,unit=0,format=raw,readonly=on,file=";
        words.add("-drive", with_file(code, &self.firmware.code));
        let variables = "if=pflash,unit=1,format=raw,file=";
        words.add("-drive", with_file(variables, &self.variables));
        self.add_disks(&mut words);
        words.add("-device", "virtio-rng-pci");
        if let Some(forwards) = &self.network {
            let mut user = "user,id=network".to_owned();
            for Forward { host, guest } in forwards {
                user.push_str(&format!(",hostfwd=tcp:127.0.0.1:{host}-:{guest}"));
            }
            words.add("-netdev", user);
            // No option ROM: nothing is booted from the network.
            words.add("-device", "virtio-net-pci,netdev=network,romfile=");
        }
        if let Some(tpm) = tpm {
            words.add("-chardev", format!("socket,id=tpm,fd={tpm}"));
            words.add("-tpmdev", "emulator,id=tpm,chardev=tpm");
            words.add("-device", "tpm-crb,tpmdev=tpm");
        }
        if let Some(added) = self.kernel_words {
            let extra = "type=11,value=io.systemd.stub.kernel-cmdline-extra";
            words.add("-smbios", format!("{extra}={added}"));
        }
        if self.screen {
            words.add("-device", "VGA");
        }
        words.add("-display", "none");
        if self.serial {
            words.add("-chardev", "stdio,id=serial,signal=off");
            words.add("-serial", "chardev:serial");
        }
        words.add("-chardev", format!("socket,id=monitor,fd={monitor}"));
        words.add("-mon", "chardev=monitor,mode=control");
        // Its screen can still be seen when it has ended.
        words.add("-no-shutdown", "");
        if self.stop_at_restart {
            words.add("-no-reboot", "");
        }
        words.0
    }

    fn add_disks(&self, words: &mut Words) {
        for disk in self.disks.iter().chain(&self.copy) {
            let over = format!("driver=qcow2,node-name={},file.driver=file", disk.node);
            let mut value = with_file(&format!("{over},file.filename="), &disk.overlay);
            let under = "backing.driver=raw,backing.read-only=on,backing.file.driver=file";
            let image = with_file(&format!(",{under},backing.file.filename="), &disk.image);
            value.push(image);
            words.add("-blockdev", value);
        }
        for controller in self.bus.controllers() {
            words.add("-device", controller);
        }
        for number in 0..self.disks.len() {
            for device in self.bus.disk(number) {
                words.add("-device", device);
            }
        }
        if self.copy.is_some() {
            words.add("-device", COPY);
        }
    }
}

/// Options, most with a value.
struct Words(Vec<OsString>);

impl Words {
    fn add(&mut self, option: &str, value: impl Into<OsString>) {
        self.0.push(option.into());
        let value = value.into();
        if !value.is_empty() {
            self.0.push(value);
        }
    }
}

/// An option's value that ends with a file name. QEMU reads a comma in one as its end unless it
/// is doubled.
fn with_file(options: &str, file: &Path) -> OsString {
    use std::os::unix::ffi::{OsStrExt, OsStringExt};
    let mut value = options.as_bytes().to_vec();
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
            with_file("format=raw,file=", Path::new("/a,b")),
            "format=raw,file=/a,,b"
        );
    }
}
