//! Loop devices: a file as a block device (loop(4), kernel: `include/uapi/linux/loop.h`).

use std::fs::{File, OpenOptions};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::path::{Path, PathBuf};

use rustix::io::Errno;
use rustix::ioctl::{Ioctl, IoctlOutput, Opcode, Setter, ioctl};

use crate::Error;

const LOOP_CTL_GET_FREE: Opcode = 0x4C82;
const LOOP_CONFIGURE: Opcode = 0x4C0A;

const LO_FLAGS_READ_ONLY: u32 = 1;
const LO_FLAGS_AUTOCLEAR: u32 = 4;
const LO_FLAGS_DIRECT_IO: u32 = 16;

/// How often a free device may be taken by somebody else before giving up.
const TRIES: u32 = 16;

/// `struct loop_info64`.
#[repr(C)]
struct LoopInfo64 {
    device: u64,
    inode: u64,
    rdevice: u64,
    offset: u64,
    size_limit: u64,
    number: u32,
    encrypt_type: u32,
    encrypt_key_size: u32,
    flags: u32,
    file_name: [u8; 64],
    crypt_name: [u8; 64],
    encrypt_key: [u8; 32],
    init: [u64; 2],
}

/// `struct loop_config`.
#[repr(C)]
struct LoopConfig {
    file: u32,
    block_size: u32,
    info: LoopInfo64,
    reserved: [u64; 8],
}

const _: () = assert!(size_of::<LoopConfig>() == 304);

/// A loop device, held open. The kernel detaches it by itself when the last user has closed it:
/// it lives on while device-mapper or a mount holds it.
#[derive(Debug)]
pub struct LoopDevice {
    /// `/dev/loop0`.
    pub node: PathBuf,
    _open: File,
}

/// Attaches `file`, opened for reading, to a free loop device: read-only, with blocks of
/// `block_size` bytes, reading past the page cache where the file system can (else through it).
/// `label` is what `losetup` shows.
pub fn attach_read_only(file: &File, label: &str, block_size: u32) -> Result<LoopDevice, Error> {
    let control = Path::new("/dev/loop-control");
    let control = OpenOptions::new()
        .read(true)
        .write(true)
        .open(control)
        .map_err(Error::at("cannot open", control))?;
    let mut tries = 0;
    loop {
        let number = free_number(control.as_fd())
            .map_err(|errno| Error::new("no free loop device for", label, errno))?;
        let node = PathBuf::from(format!("/dev/loop{number}"));
        let device = File::open(&node).map_err(Error::at("cannot open", &node))?;
        match configure(&device, file, label, block_size) {
            Ok(()) => {
                return Ok(LoopDevice {
                    node,
                    _open: device,
                });
            }
            Err(Errno::BUSY) if tries < TRIES => tries += 1,
            Err(errno) => {
                let object = format!("{label} to {}", node.display());
                return Err(Error::new("cannot attach", object, errno));
            }
        }
    }
}

/// `LOOP_CTL_GET_FREE`: the answer is the call's return value.
struct GetFree;

// SAFETY: the opcode takes no argument (`as_ptr` is null and the kernel reads nothing there), and
// its answer is the return value alone, so `output_from_ptr` touches no memory.
unsafe impl Ioctl for GetFree {
    type Output = u32;
    const IS_MUTATING: bool = false;

    fn opcode(&self) -> Opcode {
        LOOP_CTL_GET_FREE
    }

    fn as_ptr(&mut self) -> *mut std::ffi::c_void {
        std::ptr::null_mut()
    }

    unsafe fn output_from_ptr(
        answer: IoctlOutput,
        _: *mut std::ffi::c_void,
    ) -> rustix::io::Result<u32> {
        u32::try_from(answer).map_err(|_| Errno::RANGE)
    }
}

fn free_number(control: BorrowedFd<'_>) -> rustix::io::Result<u32> {
    // SAFETY: `GetFree` describes this opcode (above), and `control` is /dev/loop-control.
    unsafe { ioctl(control, GetFree) }
}

fn configure(device: &File, file: &File, label: &str, block_size: u32) -> rustix::io::Result<()> {
    let mut file_name = [0; 64];
    for (to, from) in file_name.iter_mut().take(63).zip(label.bytes()) {
        *to = from;
    }
    let config = LoopConfig {
        file: u32::try_from(file.as_raw_fd()).map_err(|_| Errno::BADF)?,
        block_size,
        info: LoopInfo64 {
            device: 0,
            inode: 0,
            rdevice: 0,
            offset: 0,
            size_limit: 0,
            number: 0,
            encrypt_type: 0,
            encrypt_key_size: 0,
            flags: LO_FLAGS_READ_ONLY | LO_FLAGS_AUTOCLEAR | LO_FLAGS_DIRECT_IO,
            file_name,
            crypt_name: [0; 64],
            encrypt_key: [0; 32],
            init: [0; 2],
        },
        reserved: [0; 8],
    };
    // SAFETY: LOOP_CONFIGURE reads one `struct loop_config` through its pointer and writes nothing.
    // `LoopConfig` has that layout (`repr(C)`, size checked above), every byte of it is
    // initialised, and `Setter` keeps it alive during the call.
    unsafe { ioctl(device, Setter::<LOOP_CONFIGURE, LoopConfig>::new(config)) }
}
