//! Bytes of one field → its value in plain form.

use std::fmt::Write;

use uguid::Guid;

/// Most bytes that are shown as hex digits.
const HEX_MOST: usize = 64;
/// Of longer ones, so many.
const HEX_START: usize = 32;
/// Most characters of a text that are shown.
const TEXT_MOST: usize = 1000;

/// An unsigned little-endian number of at most 8 bytes; bits of longer ones are lost.
pub(crate) fn little(bytes: &[u8]) -> u64 {
    let bytes = bytes.iter().take(8).rev();
    bytes.fold(0, |sum, byte| sum << 8 | u64::from(*byte))
}

/// Little-endian, decimal.
pub(crate) fn number(bytes: &[u8]) -> String {
    little(bytes).to_string()
}

/// Little-endian, two's complement, decimal.
pub(crate) fn signed(bytes: &[u8]) -> String {
    let unused = 64 - 8 * bytes.len().clamp(1, 8) as u32;
    (((little(bytes) << unused) as i64) >> unused).to_string()
}

/// Little-endian, hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    format!("{:#0width$x}", little(bytes), width = 2 + 2 * bytes.len())
}

/// Little-endian, an offset or an address.
pub(crate) fn place(bytes: &[u8]) -> String {
    format!("{:#x}", little(bytes))
}

/// Bytes as they are, in hex.
pub(crate) fn bytes(bytes: &[u8]) -> String {
    let (shown, rest) = match bytes.len() {
        0..=HEX_MOST => (bytes, ""),
        _ => (bytes.get(..HEX_START).unwrap_or(bytes), "..."),
    };
    let mut text = shown.iter().fold(String::new(), |mut text, byte| {
        // Writing into a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    });
    text.push_str(rest);
    text
}

/// What should be zeros: says so, or what is there.
pub(crate) fn reserved(found: &[u8]) -> String {
    match found.iter().all(|byte| *byte == 0) {
        true => "0".to_owned(),
        false => bytes(found),
    }
}

/// Text without the zeros and blanks that fill it up, in quotes.
pub(crate) fn text(found: &[u8]) -> String {
    let end = found.iter().rposition(|byte| !matches!(byte, 0 | b' '));
    quoted(&String::from_utf8_lossy(
        found
            .get(..end.map_or(0, |end| end + 1))
            .unwrap_or_default(),
    ))
}

/// UTF-16, little-endian, up to its first NUL, in quotes.
pub(crate) fn utf16(found: &[u8]) -> String {
    let units = found.as_chunks::<2>().0.iter();
    let units = units.map(|unit| u16::from_le_bytes(*unit));
    let text = char::decode_utf16(units.take_while(|unit| *unit != 0));
    let text: String = text
        .map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER))
        .collect();
    quoted(&text)
}

/// In quotes, and no longer than a screen.
pub(crate) fn quoted(text: &str) -> String {
    match text.char_indices().nth(TEXT_MOST) {
        Some((end, _)) => format!("{:?}...", text.get(..end).unwrap_or_default()),
        None => format!("{text:?}"),
    }
}

/// A number and what it stands for.
pub(crate) fn named(found: &[u8], names: &[(u64, &str)]) -> String {
    let value = little(found);
    match names.iter().find(|(known, _)| *known == value) {
        Some((_, name)) => format!("{} {name}", hex(found)),
        None => hex(found),
    }
}

/// A number whose bits have names.
pub(crate) fn flags(found: &[u8], names: &[(u64, &str)]) -> String {
    let value = little(found);
    let mut text = hex(found);
    for (bits, name) in names {
        if *bits != 0 && value & bits == *bits {
            let _ = write!(text, " {name}");
        }
    }
    text
}

/// Seconds since 1970, and the day and time that they are.
pub(crate) fn unix_time(found: &[u8]) -> String {
    let seconds = little(found);
    match crate::efi_signature_list::Timestamp::from_unix(seconds) {
        Some(time) if seconds > 0 => format!("{seconds} {time}"),
        _ => seconds.to_string(),
    }
}

/// GUIDs that have names.
const GUIDS: &[(Guid, &str)] = &[
    (Guid::ZERO, "none"),
    (crate::efi_signature_list::CERT_X509, "EFI_CERT_X509_GUID"),
    (
        crate::efi_signature_list::CERT_SHA256,
        "EFI_CERT_SHA256_GUID",
    ),
    (
        crate::efi_signature_list::CERT_X509_SHA256,
        "EFI_CERT_X509_SHA256_GUID",
    ),
    (
        crate::efi_signature_list::CERT_TYPE_PKCS7,
        "EFI_CERT_TYPE_PKCS7_GUID",
    ),
    (crate::efivars::GLOBAL, "EFI_GLOBAL_VARIABLE"),
    (
        crate::efivars::IMAGE_SECURITY,
        "EFI_IMAGE_SECURITY_DATABASE_GUID",
    ),
    (crate::efivars::LOADER, "systemd's boot loader interface"),
    (
        crate::efivars::EDK2_SECURE_BOOT_ENABLE,
        "gEfiSecureBootEnableDisableGuid",
    ),
    (crate::efivars::EDK2_CUSTOM_MODE, "gEfiCustomModeEnableGuid"),
    (
        crate::varstore::format::NV_DATA_VOLUME,
        "gEfiSystemNvDataFvGuid",
    ),
    (
        crate::varstore::format::AUTHENTICATED_STORE,
        "gEfiAuthenticatedVariableGuid",
    ),
    (
        uguid::guid!("77fa9abd-0359-4d32-bd60-28f4e78f784b"),
        "Microsoft",
    ),
    (
        uguid::guid!("c12a7328-f81f-11d2-ba4b-00a0c93ec93b"),
        "EFI system partition",
    ),
    (
        uguid::guid!("0fc63daf-8483-4772-8e79-3d69d8477de4"),
        "Linux filesystem data",
    ),
    (
        uguid::guid!("ebd0a0a2-b9e5-4433-87c0-68b6b72699c7"),
        "Microsoft basic data",
    ),
];

/// A GUID, with its name where it has one.
pub(crate) fn guid(found: &[u8]) -> String {
    let Some(bytes) = found.first_chunk() else {
        return bytes(found);
    };
    let guid = Guid::from_bytes(*bytes);
    match GUIDS.iter().find(|(known, _)| *known == guid) {
        Some((_, name)) => format!("{guid} {name}"),
        None => guid.to_string(),
    }
}
