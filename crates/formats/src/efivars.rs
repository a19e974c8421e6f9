//! EFI variables: names, vendors, attributes, and files of Linux' efivarfs.
//!
//! Specifications: UEFI 2.10, sections 3.3 and 8.2; systemd's boot loader interface,
//! <https://systemd.io/BOOT_LOADER_INTERFACE/>; the kernel's
//! `Documentation/filesystems/efivarfs.rst`.

use uguid::{Guid, guid};

/// `EFI_GLOBAL_VARIABLE`.
pub const GLOBAL: Guid = guid!("8be4df61-93ca-11d2-aa0d-00e098032b8c");
/// `EFI_IMAGE_SECURITY_DATABASE_GUID`: db and dbx.
pub const IMAGE_SECURITY: Guid = guid!("d719b2cb-3d3a-4596-a3bc-dad00e67656f");
/// Boot loader interface: what systemd-boot and systemd-stub leave for the system.
pub const LOADER: Guid = guid!("4a67b082-0a4c-41cf-b6c7-440b29bb8c4f");
/// EDK2's switch for Secure Boot, in the varstore of virtual machines.
pub const EDK2_SECURE_BOOT_ENABLE: Guid = guid!("f0a30bc7-af08-4556-99c4-001009c93a44");
/// EDK2's switch between standard and custom keys.
pub const EDK2_CUSTOM_MODE: Guid = guid!("c076ec0c-7028-4399-a072-71ee5c448b9f");

/// Attribute: kept over a reset.
pub const NON_VOLATILE: u32 = 0x01;
/// Attribute: visible before the system starts.
pub const BOOTSERVICE_ACCESS: u32 = 0x02;
/// Attribute: visible to the system.
pub const RUNTIME_ACCESS: u32 = 0x04;
/// Attribute: writes are signed, see [`crate::efi_signature_list::Auth`].
pub const TIME_BASED_AUTHENTICATED_WRITE_ACCESS: u32 = 0x20;
/// Attribute of a write: the value is added to what is there. It is never one of what is stored.
pub const APPEND_WRITE: u32 = 0x40;

const NV_BS: u32 = NON_VOLATILE | BOOTSERVICE_ACCESS;
const BS_RT: u32 = BOOTSERVICE_ACCESS | RUNTIME_ACCESS;
const NV_BS_RT: u32 = NON_VOLATILE | BS_RT;
const KEYS: u32 = NV_BS_RT | TIME_BASED_AUTHENTICATED_WRITE_ACCESS;

/// A variable's name and what it should be like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Variable {
    /// Its name.
    pub name: &'static str,
    /// Who defined it.
    pub vendor: Guid,
    /// Attributes that it has, or is written with.
    pub attributes: u32,
}

const fn variable(name: &'static str, vendor: Guid, attributes: u32) -> Variable {
    Variable {
        name,
        vendor,
        attributes,
    }
}

/// 1 when firmware checks signatures, one byte.
pub const SECURE_BOOT: Variable = variable("SecureBoot", GLOBAL, BS_RT);
/// 1 when there is no PK, one byte: keys can be written without a signature.
pub const SETUP_MODE: Variable = variable("SetupMode", GLOBAL, BS_RT);
/// Platform key: who may write KEK, and PK itself.
pub const PK: Variable = variable("PK", GLOBAL, KEYS);
/// Key exchange keys: who may write db and dbx.
pub const KEK: Variable = variable("KEK", GLOBAL, KEYS);
/// Who may sign what boots.
pub const DB: Variable = variable("db", IMAGE_SECURITY, KEYS);
/// What must not boot.
pub const DBX: Variable = variable("dbx", IMAGE_SECURITY, KEYS);
/// Numbers of the boot entries, 16 bits each, in the order in which they are tried.
pub const BOOT_ORDER: Variable = variable("BootOrder", GLOBAL, NV_BS_RT);
/// Number of the boot entry for the next start only, 16 bits.
pub const BOOT_NEXT: Variable = variable("BootNext", GLOBAL, NV_BS_RT);
/// Number of the boot entry that was started, 16 bits.
pub const BOOT_CURRENT: Variable = variable("BootCurrent", GLOBAL, BS_RT);
/// GPT GUID of the partition that was started from: text, UTF-16.
pub const LOADER_DEVICE_PART_UUID: Variable = variable("LoaderDevicePartUUID", LOADER, BS_RT);
/// Name and version of the stub: text, UTF-16.
pub const STUB_INFO: Variable = variable("StubInfo", LOADER, BS_RT);
/// What the stub supports: bits, 64 of them.
pub const STUB_FEATURES: Variable = variable("StubFeatures", LOADER, BS_RT);
/// EDK2: 1 when Secure Boot is on, one byte.
pub const SECURE_BOOT_ENABLE: Variable =
    variable("SecureBootEnable", EDK2_SECURE_BOOT_ENABLE, NV_BS);
/// EDK2: 0 for standard keys, one byte.
pub const CUSTOM_MODE: Variable = variable("CustomMode", EDK2_CUSTOM_MODE, NV_BS);

/// Why a variable's content is not taken.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the EFI variable {name} holds {found}; expected {expected}")]
pub struct Error {
    /// Which variable.
    pub name: &'static str,
    /// What is there.
    pub found: String,
    /// What it should hold.
    pub expected: &'static str,
}

impl Variable {
    /// Name of its file in efivarfs: `SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c`.
    pub fn file_name(&self) -> String {
        format!("{}-{}", self.name, self.vendor)
    }

    /// Attributes and value from the content of its file: 4 bytes of attributes come first.
    pub fn decode<'a>(&self, file: &'a [u8]) -> Result<(u32, &'a [u8]), Error> {
        file.split_first_chunk()
            .map(|(attributes, value)| (u32::from_le_bytes(*attributes), value))
            .ok_or_else(|| {
                let found = format!("{} bytes", file.len());
                self.error(found, "4 bytes of attributes, then the value")
            })
    }

    /// What to write to its file.
    pub fn encode(&self, value: &[u8]) -> Vec<u8> {
        [&self.attributes.to_le_bytes(), value].concat()
    }

    /// A value of one byte, 0 or 1, from the content of its file.
    pub fn decode_bool(&self, file: &[u8]) -> Result<bool, Error> {
        match self.decode(file)?.1 {
            [0] => Ok(false),
            [1] => Ok(true),
            other => Err(self.error(shown(other), FLAG)),
        }
    }

    /// A text from the content of its file: UTF-16, up to the first NUL.
    pub fn decode_text(&self, file: &[u8]) -> Result<String, Error> {
        let value = self.decode(file)?.1;
        let units = value.chunks_exact(2).filter_map(|unit| unit.first_chunk());
        let units: Vec<u16> = units
            .map(|unit| u16::from_le_bytes(*unit))
            .take_while(|unit| *unit != 0)
            .collect();
        let text = String::from_utf16(&units).ok();
        text.filter(|_| value.len() % 2 == 0)
            .ok_or_else(|| self.error(shown(value), "UTF-16 text"))
    }

    /// A GUID in text form from the content of its file, in upper or lower case.
    pub fn decode_guid(&self, file: &[u8]) -> Result<Guid, Error> {
        let text = self.decode_text(file)?;
        Guid::try_parse(&text).map_err(|_| self.error(format!("{text:?}"), "a GUID"))
    }

    fn error(&self, found: String, expected: &'static str) -> Error {
        Error {
            name: self.name,
            found,
            expected,
        }
    }
}

/// What a variable of one byte should hold.
const FLAG: &str = "one byte, 0 or 1";

/// The length and the first bytes of a value that is not taken.
fn shown(value: &[u8]) -> String {
    let first = value.get(..8).unwrap_or(value);
    format!("{} bytes {first:02x?}", value.len())
}

/// What the firmware says about Secure Boot (UEFI 2.10, table 3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SecureBoot {
    /// [`SECURE_BOOT`]: the firmware checked what it started.
    pub on: bool,
    /// [`SETUP_MODE`]: no platform key is enrolled; anybody may enrol one.
    pub setup_mode: bool,
}

impl SecureBoot {
    /// From the contents of the files of [`SECURE_BOOT`] and [`SETUP_MODE`].
    ///
    /// # Errors
    ///
    /// When a variable is missing (`None`), or is not 0 or 1: what cannot be read counts for
    /// nothing. And when it is not volatile as these two must be: on firmware without Secure Boot
    /// anybody who was root once can leave a variable of that name, but only a non-volatile one.
    pub fn decode(secure_boot: Option<&[u8]>, setup_mode: Option<&[u8]>) -> Result<Self, Error> {
        let flag = |variable: Variable, file: Option<&[u8]>| match file {
            Some(file) => match variable.decode(file)?.0 {
                attributes if attributes & NV_BS_RT == variable.attributes => {
                    variable.decode_bool(file)
                }
                attributes => {
                    let expected = "attributes 0x6: volatile, as only the firmware makes it";
                    Err(variable.error(format!("attributes {attributes:#x}"), expected))
                }
            },
            None => {
                let found = "nothing: the firmware does not have it".to_owned();
                Err(variable.error(found, FLAG))
            }
        };
        Ok(Self {
            on: flag(SECURE_BOOT, secure_boot)?,
            setup_mode: flag(SETUP_MODE, setup_mode)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn files_are_named_as_efivarfs_does() {
        let expected = "LoaderDevicePartUUID-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f";
        assert_eq!(LOADER_DEVICE_PART_UUID.file_name(), expected);
    }

    #[test]
    fn values_come_after_attributes() {
        assert_eq!(
            SECURE_BOOT.decode(&[6, 0, 0, 0, 1]),
            Ok((6, [1].as_slice()))
        );
        assert_eq!(SECURE_BOOT.decode_bool(&[6, 0, 0, 0, 1]), Ok(true));
        assert_eq!(SECURE_BOOT.decode_bool(&[6, 0, 0, 0, 0]), Ok(false));
        for file in [
            &[6, 0, 0][..],
            &[6, 0, 0, 0],
            &[6, 0, 0, 0, 2],
            &[6, 0, 0, 0, 1, 0],
        ] {
            assert!(SECURE_BOOT.decode_bool(file).is_err(), "{file:?}");
        }
        assert_eq!(BOOT_NEXT.encode(&[1, 0]), [7, 0, 0, 0, 1, 0]);
    }

    #[test]
    fn a_partition_guid_is_text() {
        let text = "0FC63DAF-8483-4772-8E79-3D69D8477DE4\0";
        let mut file = vec![6, 0, 0, 0];
        file.extend(text.encode_utf16().flat_map(u16::to_le_bytes));
        let expected = guid!("0fc63daf-8483-4772-8e79-3d69d8477de4");
        assert_eq!(LOADER_DEVICE_PART_UUID.decode_guid(&file), Ok(expected));
        file.pop();
        assert!(LOADER_DEVICE_PART_UUID.decode_guid(&file).is_err());
    }

    fn file(value: &[u8]) -> Vec<u8> {
        SECURE_BOOT.encode(value)
    }

    #[test]
    fn secure_boot_is_read() {
        for (on, setup_mode) in [(0, 0), (0, 1), (1, 0)] {
            let expected = SecureBoot {
                on: on == 1,
                setup_mode: setup_mode == 1,
            };
            let decoded = SecureBoot::decode(Some(&file(&[on])), Some(&file(&[setup_mode])));
            assert_eq!(decoded, Ok(expected));
        }
    }

    #[test]
    fn what_cannot_be_read_is_an_error() {
        for value in [&[][..], &[2], &[1, 0], &[0, 0, 0]] {
            let decoded = SecureBoot::decode(Some(&file(value)), Some(&file(&[0])));
            let error = decoded.unwrap_err().to_string();
            assert!(error.contains("SecureBoot"), "{error}");
        }
        let on = file(&[1]);
        let off = file(&[0]);
        for attributes in [0, 1, 2, 3, 4, 5, 7, 0x27] {
            let odd = [&[attributes, 0, 0, 0][..], &[1]].concat();
            for pair in [(&odd, &off), (&on, &odd)] {
                let error = SecureBoot::decode(Some(pair.0), Some(pair.1)).unwrap_err();
                assert!(error.expected.contains("volatile"), "{error}");
            }
        }
        for (secure_boot, setup_mode) in [
            (Some(&on[..]), None),
            (None, Some(&on[..])),
            (Some(&on), Some(&[6, 0])),
        ] {
            assert!(SecureBoot::decode(secure_boot, setup_mode).is_err());
        }
    }

    #[test]
    fn text_ends_at_its_nul() {
        let text: Vec<u8> = "Ab-1\0x"
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect();
        let decode = |value: &[u8]| STUB_INFO.decode_text(&STUB_INFO.encode(value));
        assert_eq!(decode(&text).as_deref(), Ok("Ab-1"));
        assert!(decode(&[0x41]).is_err());
        assert!(decode(&[0x00, 0xd8]).is_err());
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(file in prop::collection::vec(any::<u8>(), 0..90)) {
            let _ = LOADER_DEVICE_PART_UUID.decode_guid(&file);
        }
    }
}
