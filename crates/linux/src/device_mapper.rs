//! Device-mapper: dm-verity devices, made, looked at and removed
//! (kernel: `include/uapi/linux/dm-ioctl.h`, `Documentation/admin-guide/device-mapper/verity.rst`).
//!
//! Order of a life: create (a name), load (the table), resume (it becomes readable), remove.

use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};

use rustix::io::Errno;
use rustix::ioctl::{Opcode, Updater, ioctl, opcode};

use crate::Error;

const DM_DEV_CREATE: Opcode = opcode::read_write::<Header>(0xfd, 3);
const DM_DEV_REMOVE: Opcode = opcode::read_write::<Header>(0xfd, 4);
const DM_DEV_SUSPEND: Opcode = opcode::read_write::<Header>(0xfd, 6);
const DM_TABLE_LOAD: Opcode = opcode::read_write::<Header>(0xfd, 9);
const DM_TABLE_STATUS: Opcode = opcode::read_write::<Header>(0xfd, 12);

const DM_READONLY_FLAG: u32 = 1 << 0;
const DM_STATUS_TABLE_FLAG: u32 = 1 << 4;
const DM_BUFFER_FULL_FLAG: u32 = 1 << 8;

/// `struct dm_ioctl`: the header of every call.
#[repr(C)]
struct Header {
    version: [u32; 3],
    data_size: u32,
    data_start: u32,
    target_count: u32,
    open_count: i32,
    flags: u32,
    event_number: u32,
    padding: u32,
    device: u64,
    name: [u8; 128],
    uuid: [u8; 129],
    data: [u8; 7],
}

/// Bytes after the header: `struct dm_target_spec` (40 bytes) and the target's parameters.
const DATA: usize = 8192;
const HEADER: usize = size_of::<Header>();
const TARGET_SPEC: usize = 40;

/// What the kernel reads and writes: the header, then `data_size - 312` bytes.
#[repr(C)]
struct Call {
    header: Header,
    data: [u8; DATA],
}

const _: () = assert!(HEADER == 312 && size_of::<Call>() == HEADER + DATA);

/// Sector, in bytes: device-mapper's unit, whatever the device's block size.
const SECTOR: u64 = 512;

/// The one target of a dm-verity device: format 1, SHA-256.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verity {
    /// Device with the data: a path, or `major:minor` in a table that was read back.
    pub data_device: String,
    /// Device with the hash tree; may be the same.
    pub hash_device: String,
    /// Bytes per block of data and of hashes.
    pub block_size: u32,
    /// Blocks of data, from the start of the data device.
    pub data_blocks: u64,
    /// First block of the hash tree on the hash device, after the superblock.
    pub hash_start_block: u64,
    /// Root hash, in hex.
    pub root_hash: String,
    /// Salt, in hex; may be empty.
    pub salt: String,
    /// Description of the `user` key that holds the PKCS#7 signature of the root hash. When it is
    /// there, the kernel has checked the signature, or there would be no table.
    pub signature_key: Option<String>,
}

/// Whether a dm-verity device has read only what its hashes promise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// `V`: no wrong block was read so far.
    Verified,
    /// `C`: a wrong block was read (and withheld).
    Corrupted,
}

/// The open control device, `/dev/mapper/control`.
#[derive(Debug)]
pub struct Control {
    file: File,
}

impl Verity {
    /// The target's parameters, as the kernel's documentation orders them.
    pub fn parameters(&self) -> String {
        let salt = if self.salt.is_empty() {
            "-"
        } else {
            &self.salt
        };
        let mut line = format!(
            "1 {} {} {} {} {} {} sha256 {} {salt}",
            self.data_device,
            self.hash_device,
            self.block_size,
            self.block_size,
            self.data_blocks,
            self.hash_start_block,
            self.root_hash,
        );
        if let Some(key) = &self.signature_key {
            line.push_str(" 2 root_hash_sig_key_desc ");
            line.push_str(key);
        }
        line
    }

    /// Reads parameters back; `None` when they are not those of a target of this kind.
    pub fn from_parameters(line: &str) -> Option<Self> {
        let mut words = line.split_ascii_whitespace();
        let version = words.next()?;
        let data_device = words.next()?.to_owned();
        let hash_device = words.next()?.to_owned();
        let block_size = words.next()?.parse().ok()?;
        let hash_block_size: u32 = words.next()?.parse().ok()?;
        let data_blocks = words.next()?.parse().ok()?;
        let hash_start_block = words.next()?.parse().ok()?;
        let algorithm = words.next()?;
        let root_hash = words.next()?.to_owned();
        let salt = words.next()?.trim_start_matches('-').to_owned();
        let expected =
            version == "1" && hash_block_size == block_size && algorithm.starts_with("sha256");
        let mut options = words.skip_while(|word| *word != "root_hash_sig_key_desc");
        let signature_key = options
            .next()
            .and_then(|_| options.next())
            .map(str::to_owned);
        expected.then_some(Self {
            data_device,
            hash_device,
            block_size,
            data_blocks,
            hash_start_block,
            root_hash,
            salt,
            signature_key,
        })
    }
}

impl Control {
    /// Opens the control device. devtmpfs makes its node when the module `dm-mod` is there.
    pub fn open() -> Result<Self, Error> {
        let path = Path::new("/dev/mapper/control");
        let file = OpenOptions::new().read(true).write(true).open(path);
        Ok(Self {
            file: file.map_err(Error::at("cannot open", path))?,
        })
    }

    /// Makes the read-only device `name` and gives its node, `/dev/dm-<minor>`.
    ///
    /// With a `signature_key`, the kernel looks for it in the key rings of the calling thread and
    /// checks the signature now. Nothing is left when any step fails.
    pub fn create_verity(&self, name: &str, uuid: &str, verity: &Verity) -> Result<PathBuf, Error> {
        let mut call = Call::new(name)?;
        put_text(&mut call.header.uuid, uuid)
            .ok_or_else(|| Error::new("cannot name a device", uuid, Errno::NAMETOOLONG))?;
        self.run::<DM_DEV_CREATE>(&mut call, "cannot create the device", name)?;
        let made = call.header.device;
        let started = self.load(name, verity).and_then(|()| {
            let mut call = Call::new(name)?;
            call.header.flags = DM_READONLY_FLAG;
            // Without DM_SUSPEND_FLAG this call resumes.
            self.run::<DM_DEV_SUSPEND>(&mut call, "cannot start the device", name)
        });
        if let Err(error) = started {
            // What matters is why it did not start; an empty device that stays harms nobody.
            let _ = self.remove(name);
            return Err(error);
        }
        Ok(PathBuf::from(format!("/dev/dm-{}", minor(made))))
    }

    /// Removes a device that nobody uses.
    pub fn remove(&self, name: &str) -> Result<(), Error> {
        self.run::<DM_DEV_REMOVE>(&mut *Call::new(name)?, "cannot remove the device", name)
    }

    /// The table of the device `name`; `None` when there is no such device or it is not verity.
    pub fn verity(&self, name: &str) -> Result<Option<Verity>, Error> {
        let table = self.target(name, DM_STATUS_TABLE_FLAG | DM_READONLY_FLAG)?;
        Ok(table.and_then(|line| Verity::from_parameters(&line)))
    }

    /// Whether the device `name` has met a wrong block; `None` when there is no such device.
    pub fn health(&self, name: &str) -> Result<Option<Health>, Error> {
        let status = self.target(name, DM_READONLY_FLAG)?;
        Ok(status.map(|line| match line.trim() {
            "V" => Health::Verified,
            _ => Health::Corrupted,
        }))
    }

    fn load(&self, name: &str, verity: &Verity) -> Result<(), Error> {
        let mut call = Call::new(name)?;
        call.header.flags = DM_READONLY_FLAG;
        call.header.target_count = 1;
        let length = verity
            .data_blocks
            .checked_mul(u64::from(verity.block_size) / SECTOR);
        let put = length.and_then(|sectors| {
            put_target(&mut call.data, sectors, "verity", &verity.parameters())
        });
        put.ok_or_else(|| Error::new("cannot describe the device", name, Errno::INVAL))?;
        self.run::<DM_TABLE_LOAD>(&mut call, "cannot load the table of", name)
    }

    /// The first target's status or table line.
    fn target(&self, name: &str, flags: u32) -> Result<Option<String>, Error> {
        let mut call = Call::new(name)?;
        call.header.flags = flags;
        match self.run::<DM_TABLE_STATUS>(&mut call, "cannot look at the device", name) {
            Ok(()) => {}
            Err(error) if error.errno() == Some(Errno::NXIO.raw_os_error()) => return Ok(None),
            Err(error) => return Err(error),
        }
        if call.header.flags & DM_BUFFER_FULL_FLAG != 0 || call.header.target_count != 1 {
            return Ok(None);
        }
        let start = (call.header.data_start as usize).checked_sub(HEADER);
        let line = start
            .and_then(|start| start.checked_add(TARGET_SPEC))
            .and_then(|start| call.data.get(start..))
            .and_then(|bytes| bytes.split(|byte| *byte == 0).next());
        Ok(line.map(|bytes| String::from_utf8_lossy(bytes).into_owned()))
    }

    fn run<const OPCODE: Opcode>(
        &self,
        call: &mut Call,
        action: &'static str,
        name: &str,
    ) -> Result<(), Error> {
        // SAFETY: `OPCODE` is one of device-mapper's above, each `_IOWR` of a `struct dm_ioctl` at
        // the start of a buffer of `data_size` bytes that the kernel reads and writes. `Call` is
        // that buffer: `repr(C)`, 312 bytes of header (checked above), `data_size` set to its
        // whole size by `Call::new`; any bytes are valid in it, and the mutable borrow lasts for
        // the call.
        let answer = unsafe { ioctl(&self.file, Updater::<OPCODE, Call>::new(call)) };
        answer.map_err(|errno| Error::new(action, name, errno))
    }
}

impl Call {
    /// A call about the device `name`, with nothing after the header yet.
    fn new(name: &str) -> Result<Box<Self>, Error> {
        let mut call = Box::new(Self {
            header: Header {
                version: [4, 0, 0],
                data_size: size_of::<Self>() as u32,
                data_start: HEADER as u32,
                target_count: 0,
                open_count: 0,
                flags: 0,
                event_number: 0,
                padding: 0,
                device: 0,
                name: [0; 128],
                uuid: [0; 129],
                data: [0; 7],
            },
            data: [0; DATA],
        });
        put_text(&mut call.header.name, name)
            .map(|()| call)
            .ok_or_else(|| Error::new("cannot name a device", name, Errno::NAMETOOLONG))
    }
}

/// `text` and a NUL at the start of `field`; `None` when it does not fit.
fn put_text(field: &mut [u8], text: &str) -> Option<()> {
    field
        .get_mut(..text.len())?
        .copy_from_slice(text.as_bytes());
    field.get_mut(text.len()).map(|end| *end = 0)
}

/// `struct dm_target_spec` { u64 start; u64 length; i32 status; u32 next; char type[16]; } and
/// the parameters after it.
fn put_target(data: &mut [u8], sectors: u64, kind: &str, parameters: &str) -> Option<()> {
    let end = (TARGET_SPEC + parameters.len() + 1).next_multiple_of(8);
    data.get_mut(8..16)?.copy_from_slice(&sectors.to_ne_bytes());
    data.get_mut(20..24)?
        .copy_from_slice(&u32::try_from(end).ok()?.to_ne_bytes());
    put_text(data.get_mut(24..40)?, kind)?;
    put_text(data.get_mut(TARGET_SPEC..end)?, parameters)
}

/// The minor number in the kernel's 64-bit device number (`huge_encode_dev`).
fn minor(device: u64) -> u64 {
    (device & 0xff) | ((device >> 12) & 0x000f_ff00)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verity() -> Verity {
        Verity {
            data_device: "/dev/loop0".to_owned(),
            hash_device: "/dev/loop0".to_owned(),
            block_size: 4096,
            data_blocks: 7,
            hash_start_block: 8,
            root_hash: "ab".repeat(32),
            salt: String::new(),
            signature_key: None,
        }
    }

    #[test]
    fn parameters_are_in_the_kernels_order() {
        let hash = "ab".repeat(32);
        assert_eq!(
            verity().parameters(),
            format!("1 /dev/loop0 /dev/loop0 4096 4096 7 8 sha256 {hash} -")
        );
        let signed = Verity {
            salt: "0123".to_owned(),
            signature_key: Some("sealboot-root".to_owned()),
            ..verity()
        };
        assert_eq!(
            signed.parameters(),
            format!(
                "1 /dev/loop0 /dev/loop0 4096 4096 7 8 sha256 {hash} 0123 2 root_hash_sig_key_desc sealboot-root"
            )
        );
        for value in [verity(), signed] {
            assert_eq!(Verity::from_parameters(&value.parameters()), Some(value));
        }
    }

    #[test]
    fn other_tables_are_not_taken_for_ours() {
        let line = verity().parameters();
        assert_eq!(
            Verity::from_parameters(&line.replace("sha256", "sha1")),
            None
        );
        assert_eq!(Verity::from_parameters("0 8 linear"), None);
        assert_eq!(Verity::from_parameters(""), None);
    }

    #[test]
    fn a_target_is_laid_out_as_the_kernel_reads_it() {
        let mut data = [0xff; 64];
        put_target(&mut data, 56, "verity", "1 a b").unwrap();
        assert_eq!(data[8..16], 56_u64.to_ne_bytes());
        assert_eq!(data[20..24], 48_u32.to_ne_bytes());
        assert_eq!(&data[24..31], b"verity\0");
        assert_eq!(&data[40..46], b"1 a b\0");
        assert!(put_target(&mut data, 56, "verity", &"x".repeat(24)).is_none());
        assert!(put_target(&mut data, 56, "a name too long for it", "").is_none());
    }

    #[test]
    fn minors_above_255_are_split() {
        assert_eq!(minor(0x0000_fd03), 3);
        assert_eq!(minor(0x0010_fd03), 0x103);
    }

    #[test]
    fn the_opcodes_are_those_of_the_kernel() {
        assert_eq!(DM_DEV_CREATE, 0xc138_fd03);
        assert_eq!(DM_TABLE_STATUS, 0xc138_fd0c);
    }
}
