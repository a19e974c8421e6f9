//! The smallest EFI programs: what firmware would start.

use formats::pe::format::{CNT_CODE, CNT_INITIALIZED_DATA, MEM_READ, PE32_PLUS};
use formats::pe::{NewSection, add_sections};

/// A stub in miniature: headers of 0x400 bytes, `.text` and `.sbat`.
pub fn stub() -> Vec<u8> {
    let mut file = vec![0; 0x40];
    put(&mut file, 0, b"MZ");
    put(&mut file, 0x3c, &[0x40]);
    file.extend_from_slice(b"PE\0\0");
    // x86-64, two sections, no symbols, 16 data directories, characteristics.
    for half in [0x8664, 2, 0, 0, 0, 0, 0, 0, 112 + 16 * 8, 0x22e_u16] {
        file.extend_from_slice(&half.to_le_bytes());
    }
    let mut optional = [0; 112 + 16 * 8];
    put(&mut optional, 0, &PE32_PLUS.to_le_bytes());
    // Alignments in memory and file, sizes of image and headers, directories; DllCharacteristics.
    let words = [
        (32, 0x1000),
        (36, 0x200),
        (56, 0x3000),
        (60, 0x400),
        (108, 16_u32),
    ];
    for (offset, value) in words {
        put(&mut optional, offset, &value.to_le_bytes());
    }
    put(&mut optional, 70, &0x160_u16.to_le_bytes());
    file.extend_from_slice(&optional);
    let sections = [
        (b".text\0\0\0", 0x1000, 0x400),
        (b".sbat\0\0\0", 0x2000, 0x600),
    ];
    for (name, address, offset) in sections {
        file.extend_from_slice(name);
        for value in [0x40, address, 0x200, offset, 0, 0, 0, CNT_CODE | MEM_READ] {
            file.extend_from_slice(&u32::to_le_bytes(value));
        }
    }
    file.resize(0x400, 0);
    file.extend_from_slice(&[0x90; 0x200]);
    file.extend_from_slice(b"sbat,1,SBAT Version,sbat,1,https://example.org/sbat\nstub,1\n");
    file.resize(0x800, 0);
    file
}

/// A UKI of that stub, with sections of these names and contents; none where one is empty.
pub fn uki(sections: &[(&str, &[u8])]) -> Option<Vec<u8>> {
    let sections = sections.iter().map(|(name, data)| NewSection {
        name,
        data: (*data).into(),
        characteristics: CNT_INITIALIZED_DATA | MEM_READ,
    });
    add_sections(&stub(), &sections.collect::<Vec<_>>(), 0).ok()
}

fn put(into: &mut [u8], offset: usize, bytes: &[u8]) {
    into[offset..offset + bytes.len()].copy_from_slice(bytes);
}
