//! `sealboot run`: the machine, what is done to it, and when the run counts as good.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::KeysFolder;

/// `sealboot run`
#[derive(Args, Debug)]
pub struct Run {
    /// Disk image to boot; it is not changed
    #[arg(value_name = "DISK", default_value = "out/disk.img")]
    pub disk: PathBuf,
    #[command(flatten)]
    pub firmware: Firmware,
    #[command(flatten)]
    pub disks: Disks,
    #[command(flatten)]
    pub machine: Machine,
    #[command(flatten)]
    pub outcome: Outcome,
}

/// What the firmware knows.
#[derive(Args, Debug)]
#[command(next_help_heading = "Firmware")]
pub struct Firmware {
    #[command(flatten)]
    pub keys: KeysFolder,
    /// The keys are enrolled, and the firmware checks nothing
    #[arg(long, conflicts_with = "setup_mode")]
    pub no_secure_boot: bool,
    /// No key is enrolled: setup mode, in which anybody may enrol one
    #[arg(long)]
    pub setup_mode: bool,
    /// Keep the machine's EFI variables in this file; the options above count when it is made
    #[arg(long, value_name = "FILE")]
    pub variables: Option<PathBuf>,
}

/// What the machine boots from.
#[derive(Args, Debug)]
#[command(next_help_heading = "Disks")]
pub struct Disks {
    /// Of several systems on DISK, the one that the firmware starts: by a boot entry, before all
    /// others that it has
    #[arg(long, value_name = "NAME")]
    pub system: Option<String>,
    /// How the disks are attached; firmware reads "uas" and "mmc" from a USB copy that is gone
    /// when the kernel starts
    #[arg(long, value_name = "BUS", value_enum, default_value = "virtio")]
    pub disk_bus: Bus,
    /// One more disk on the same bus, not changed either; may be given again
    #[arg(long, value_name = "FILE")]
    pub second_disk: Vec<PathBuf>,
    /// Take the disks away when the kernel starts, and plug them in again so much later; on the
    /// buses usb and scsi
    #[arg(long, value_name = "SECONDS", conflicts_with = "no_serial")]
    pub unplug_for: Option<u64>,
    /// Flip one bit of the byte at this offset of DISK, as the machine sees it: bytes from the
    /// start, or 0x…; ":0" to ":7" says which bit
    #[arg(long, value_name = "OFFSET[:BIT]", value_parser = tamper)]
    pub tamper: Vec<Tamper>,
}

/// What else the machine has.
#[derive(Args, Debug)]
#[command(next_help_heading = "Machine")]
pub struct Machine {
    /// Memory in MiB
    #[arg(long, value_name = "MIB", default_value_t = 1024, value_parser = clap::value_parser!(u32).range(256..))]
    pub memory: u32,
    /// Processors
    #[arg(long, value_name = "COUNT", default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=64))]
    pub smp: u32,
    /// What the network card is connected to
    #[arg(long, value_name = "NET", value_enum, default_value = "user")]
    pub network: Network,
    /// Pass connections to 127.0.0.1:HOST here on to port GUEST of the machine: 2222:22
    #[arg(long, value_name = "HOST:GUEST", value_parser = forward)]
    pub forward: Vec<Forward>,
    /// A TPM 2.0, as new, from swtpm
    #[arg(long)]
    pub tpm: bool,
    /// No serial line: the screen is all there is
    #[arg(long, conflicts_with_all = ["no_screen", "expect", "serial_log", "kernel_log"])]
    pub no_serial: bool,
    /// No graphics card: the serial line is all there is
    #[arg(long, conflicts_with = "screenshot")]
    pub no_screen: bool,
    /// Show all of the kernel's log on the serial line. Changes the command line, and so needs
    /// --no-secure-boot or --setup-mode: otherwise the line is what was signed
    #[arg(long)]
    pub kernel_log: bool,
    /// Emulate the processor even where KVM could be used
    #[arg(long)]
    pub no_kvm: bool,
}

/// What is kept of the run, and when it was good.
#[derive(Args, Debug)]
#[command(next_help_heading = "Outcome")]
pub struct Outcome {
    /// Write everything that comes on the serial line into this file
    #[arg(long, value_name = "FILE")]
    pub serial_log: Option<PathBuf>,
    /// End well as soon as this text was printed; several are awaited in order
    #[arg(long, value_name = "TEXT")]
    pub expect: Vec<String>,
    /// Seconds to wait for the expected texts [default: 300 with --expect, else no limit]
    #[arg(long, value_name = "SECONDS")]
    pub timeout: Option<u64>,
    /// Save the screen when the run ends, as soon as it stands still: a .png or .ppm file
    #[arg(long, value_name = "FILE")]
    pub screenshot: Option<PathBuf>,
    /// Go on when the machine restarts while texts are awaited; else that ends the run
    #[arg(long)]
    pub let_restart: bool,
}

/// How a disk is attached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Bus {
    /// virtio-blk
    Virtio,
    /// USB mass storage, bulk only
    Usb,
    /// USB attached SCSI
    Uas,
    /// NVM Express
    Nvme,
    /// AHCI
    Sata,
    /// virtio-scsi
    Scsi,
    /// SD card in an SDHCI slot
    Mmc,
}

/// What the network card is connected to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Network {
    /// The network of this machine, with DHCP and IPv6
    User,
    /// There is no card
    None,
}

/// A bit to flip.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tamper {
    /// Bytes from the start of the disk.
    pub offset: u64,
    /// 0 is the lowest.
    pub bit: u8,
}

/// A port of this machine and one of the virtual machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Forward {
    /// On 127.0.0.1.
    pub host: u16,
    /// In the virtual machine.
    pub guest: u16,
}

fn tamper(text: &str) -> Result<Tamper, String> {
    let (offset, bit) = text.split_once(':').unwrap_or((text, "0"));
    let number = match offset.strip_prefix("0x") {
        Some(hex) => u64::from_str_radix(hex, 16),
        None => offset.parse(),
    };
    let offset = number.map_err(|_| "the offset is a number such as 1048576 or 0x100000")?;
    match bit.parse() {
        Ok(bit @ 0..=7) => Ok(Tamper { offset, bit }),
        _ => Err("the bit is 0 to 7".to_owned()),
    }
}

fn forward(text: &str) -> Result<Forward, String> {
    let ports = text.split_once(':');
    let ports = ports.and_then(|(host, guest)| Some((host.parse().ok()?, guest.parse().ok()?)));
    match ports {
        Some((host @ 1.., guest @ 1..)) => Ok(Forward { host, guest }),
        _ => Err("two port numbers with a colon are needed, such as 2222:22".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_are_decimal_or_hex_with_a_bit() {
        let cases = [
            ("512", Some((512, 0))),
            ("0x200:7", Some((512, 7))),
            ("512:8", None),
            ("0x", None),
            ("-1", None),
            ("1M", None),
        ];
        for (text, expected) in cases {
            let found = tamper(text).ok().map(|tamper| (tamper.offset, tamper.bit));
            assert_eq!(found, expected, "{text}");
        }
    }

    #[test]
    fn ports_are_pairs() {
        let (host, guest) = (2222, 22);
        assert_eq!(forward("2222:22"), Ok(Forward { host, guest }));
        for text in ["2222", "2222:", ":22", "0:22", "70000:22", "a:b"] {
            assert!(forward(text).is_err(), "{text}");
        }
    }
}
