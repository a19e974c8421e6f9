//! Bytes to values and back: the file formats of a verified boot.

pub mod ar;
#[cfg(feature = "build")]
pub mod authenticode;
pub mod cpio;
pub mod efi_signature_list;
pub mod efivars;
pub mod fat;
#[cfg(feature = "build")]
pub mod fields;
pub mod gpt;
pub mod kmod_index;
pub mod load_option;
pub mod modinfo;
pub mod pcr;
pub mod pe;
#[cfg(feature = "build")]
pub mod pkcs7;
#[cfg(feature = "build")]
pub mod qcow2;
pub mod seek;
#[cfg(feature = "build")]
pub mod squashfs;
#[cfg(feature = "build")]
pub mod ssh_public_key;
pub mod uki;
pub mod varstore;
pub mod verity;

/// Lower-case hex.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
