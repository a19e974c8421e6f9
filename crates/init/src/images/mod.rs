//! Step 7: each image from a file on an untrusted disk to a device that gives only the bytes
//! that were signed.

mod check;

use std::fs::File;
use std::path::Path;

use contract::boot::{Check, Execute, RootHashSignatures};
use contract::manifest::{Image, ImageName};
use contract::{esp, running};
use linux::device_mapper::Verity;

use crate::failure::Failure;
use crate::firmware::Firmware;
use crate::hardware::Hardware;
use crate::machine::Machine;
use crate::partition::{Partition, Search, read_small};
use crate::policy;
use crate::release::Release;
use crate::system::Mapping;

/// Bytes per block of data and of hashes (design: 4096/4096).
const BLOCK: u32 = 4096;

/// Largest signature of a root hash, in bytes. Ours have about 1.2 KiB.
const LARGEST_SIGNATURE: u64 = 16 << 10;

const WRITE_AGAIN: &str = "write the release to this disk again";

/// A mapped image.
pub(crate) struct Mapped {
    /// What it is.
    pub(crate) name: ImageName,
    /// The device to mount.
    pub(crate) device: String,
}

/// Maps every image of the release, in the manifest's order: from the first partition that holds
/// it whole and whose bytes are what they should be; and that partition.
pub(crate) fn map(
    machine: &Machine,
    release: &Release,
    firmware: &Firmware,
    search: &mut Search<'_>,
    hardware: &mut Hardware,
) -> Result<(Partition, Vec<Mapped>), Failure> {
    let mut partition = search.find(hardware)?;
    loop {
        let mut mapped = Vec::new();
        match map_all(machine, release, firmware, &partition, &mut mapped) {
            Ok(()) => return Ok((partition, mapped)),
            Err(failure) => {
                for image in mapped {
                    // One that stays keeps its name, and then the next try says so.
                    let _ = machine.system.unmap(&running::device(image.name));
                }
                partition = search.another(partition, failure)?;
            }
        }
    }
}

/// Whether every file that the release needs of a boot partition is there, in its size: cheap,
/// and proves nothing about what is in them.
pub(crate) fn present(
    release: &Release,
    firmware: &Firmware,
    folder: &Path,
) -> Result<(), Failure> {
    for image in &release.manifest.images {
        open(image, folder)?;
        if ask_kernel(release, firmware) {
            signature(image, folder)?;
        }
    }
    if release.boot.execute == Execute::Signed {
        policy::signed(release, folder)?;
    }
    Ok(())
}

/// Whether the kernel checks the signatures of root hashes.
fn ask_kernel(release: &Release, firmware: &Firmware) -> bool {
    release.boot.root_hash_signatures == RootHashSignatures::Checked && firmware.secure_boot.on
}

/// Maps images into `mapped`, which holds what was mapped also when one cannot be.
fn map_all(
    machine: &Machine,
    release: &Release,
    firmware: &Firmware,
    partition: &Partition,
    mapped: &mut Vec<Mapped>,
) -> Result<(), Failure> {
    let ask_kernel = ask_kernel(release, firmware);
    for image in &release.manifest.images {
        machine.step(format!("mapping {}", image.file));
        let file = open(image, &partition.release)?;
        let signature = match ask_kernel {
            true => Some(signature(image, &partition.release)?),
            false => None,
        };
        let device = map_one(machine, image, &file, signature.as_deref())?;
        mapped.push(Mapped {
            name: image.name,
            device: device.clone(),
        });
        let vouched = match ask_kernel {
            true => "its signature accepted by the kernel",
            false => "by its pinned root hash",
        };
        machine.say(&format!("{} mapped, {vouched}", image.file));
        if release.boot.check == Check::Full {
            machine.step(format!("checking {}", image.file));
            check::every_block(machine, image, &device)?;
        }
    }
    Ok(())
}

/// Opens the image's file and compares its size.
fn open(image: &Image, folder: &Path) -> Result<File, Failure> {
    let path = folder.join(&image.file);
    let file = File::open(&path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => {
            let what = format!(
                "the image {} is missing from the boot partition",
                image.file
            );
            Failure::new(what, WRITE_AGAIN)
        }
        _ => Failure::new(
            format!("the image {} cannot be opened", image.file),
            WRITE_AGAIN,
        )
        .because(&error),
    })?;
    let size = file
        .metadata()
        .map_err(|error| {
            Failure::new(
                format!("the image {} cannot be read", image.file),
                WRITE_AGAIN,
            )
            .because(&error)
        })?
        .len();
    if size != image.size {
        let what = format!("the image {} has the wrong size", image.file);
        return Err(Failure::new(what, WRITE_AGAIN)
            .differs(format!("{} bytes", image.size), format!("{size} bytes")));
    }
    Ok(file)
}

fn signature(image: &Image, folder: &Path) -> Result<Vec<u8>, Failure> {
    let name = esp::signature_file(image.stem());
    read_small(&folder.join(&name), LARGEST_SIGNATURE).map_err(|error| {
        let what = format!("the signature {name} of {} cannot be read", image.file);
        Failure::new(what, WRITE_AGAIN).because(&error)
    })
}

fn map_one(
    machine: &Machine,
    image: &Image,
    file: &File,
    signature: Option<&[u8]>,
) -> Result<String, Failure> {
    let mapping = Mapping {
        name: &running::device(image.name),
        file,
        verity: Verity {
            data_device: String::new(),
            hash_device: String::new(),
            block_size: BLOCK,
            data_blocks: image.data_size / u64::from(BLOCK),
            // The tree starts in the block after the superblock's.
            hash_start_block: image.hash_offset / u64::from(BLOCK) + 1,
            root_hash: image.root_hash.to_ascii_lowercase(),
            salt: image.salt.to_ascii_lowercase(),
            signature_key: None,
        },
        signature,
    };
    machine.system.map(mapping).map_err(|error| {
        let refusal = signature.and(error.errno()).and_then(refusal);
        let failure = match refusal {
            Some(why) => Failure::new(
                format!("the kernel does not accept the signature of {}: {why}", image.file),
                "sign the release with the db key that this machine's firmware holds, and write it again",
            ),
            None => Failure::new(format!("the image {} cannot be mapped", image.file), WRITE_AGAIN),
        };
        failure.because(&error)
    })
}

/// What the kernel means when it refuses a root hash's signature (`verify_pkcs7_signature`). Its
/// `EINVAL` is not here: a dm-verity table has a dozen other ways to it, and the reason on the
/// screen is to be true.
fn refusal(errno: i32) -> Option<&'static str> {
    // errno(3) on x86-64 and arm64.
    const TABLE: &[(i32, &str)] = &[
        (
            126, // ENOKEY
            "it was made with another key, one that is not in the firmware's db",
        ),
        (
            127, // EKEYEXPIRED
            "the certificate that it was made with has expired",
        ),
        (
            128, // EKEYREVOKED
            "the certificate that it was made with was revoked (the firmware's dbx)",
        ),
        (
            129, // EKEYREJECTED
            "it is not a signature of this root hash, or its key was rejected",
        ),
        (
            74, // EBADMSG
            "it is damaged, or not a PKCS#7 signature",
        ),
        (
            65, // ENOPKG
            "it uses an algorithm that this kernel does not have",
        ),
    ];
    TABLE
        .iter()
        .find(|(number, _)| *number == errno)
        .map(|(_, words)| *words)
}
