use proptest::prelude::*;
use zerocopy::IntoBytes;

use super::format::*;
use super::*;

/// A stub in miniature: headers of 0x400 bytes, `.text` and `.sbat`.
pub(crate) fn stub() -> Vec<u8> {
    let mut file = vec![0; 0x40];
    file[..2].copy_from_slice(b"MZ");
    file[0x3c] = 0x40;
    file.extend_from_slice(b"PE\0\0");
    let coff = CoffHeader {
        machine: 0x8664.into(),
        number_of_sections: 2.into(),
        time_date_stamp: 0.into(),
        pointer_to_symbol_table: 0.into(),
        number_of_symbols: 0.into(),
        size_of_optional_header: (112 + 16 * 8).into(),
        characteristics: 0x22e.into(),
    };
    file.extend_from_slice(coff.as_bytes());
    let mut optional = [0_u8; 112];
    optional[..2].copy_from_slice(&PE32_PLUS.to_le_bytes());
    for (offset, value) in [
        (32, 0x1000),
        (36, 0x200),
        (56, 0x3000),
        (60, 0x400),
        (108, 16_u32),
    ] {
        optional[offset..offset + 4].copy_from_slice(&value.to_le_bytes());
    }
    optional[70..72].copy_from_slice(&0x160_u16.to_le_bytes());
    file.extend_from_slice(&optional);
    file.extend_from_slice(&[0; 16 * 8]);
    for (name, address, offset, size) in [
        (b".text\0\0\0", 0x1000, 0x400, 0x180),
        (b".sbat\0\0\0", 0x2000, 0x600, 0x10),
    ] {
        file.extend_from_slice(name);
        for value in [size, address, 0x200, offset, 0, 0, 0, CNT_CODE | MEM_READ] {
            file.extend_from_slice(&u32::to_le_bytes(value));
        }
    }
    file.resize(0x400, 0);
    file.extend_from_slice(&[0x90; 0x200]);
    file.extend_from_slice(&[b's'; 0x10]);
    file.resize(0x800, 0);
    file
}

fn new<'a>(name: &'a str, data: &'a [u8]) -> NewSection<'a> {
    NewSection {
        name,
        data: data.into(),
        characteristics: CNT_INITIALIZED_DATA | MEM_READ,
    }
}

#[test]
fn added_sections_are_aligned_in_file_and_memory() {
    let image = add_sections(
        &stub(),
        &[new(".osrel", &[1; 0x1001]), new(".linux", &[2; 5])],
        0,
    );
    let image = image.unwrap();
    let pe = Pe::parse(&image).unwrap();
    let layout: Vec<_> = (pe.headers.sections.iter())
        .map(|s| {
            let numbers = [
                s.virtual_address,
                s.virtual_size,
                s.pointer_to_raw_data,
                s.size_of_raw_data,
            ];
            (s.name(), numbers.map(|n| n.get()))
        })
        .collect();
    let expected = [
        (".text", [0x1000, 0x180, 0x400, 0x200]),
        (".sbat", [0x2000, 0x10, 0x600, 0x200]),
        (".osrel", [0x3000, 0x1001, 0x800, 0x1200]),
        (".linux", [0x5000, 5, 0x1a00, 0x200]),
    ];
    assert_eq!(
        layout,
        expected.map(|(name, numbers)| (name.to_owned(), numbers))
    );
    assert_eq!(pe.headers.optional.size_of_image.get(), 0x6000);
    assert_eq!(pe.headers.optional.size_of_initialized_data.get(), 0x1400);
    assert_eq!(image.len(), 0x1c00);
    assert_eq!(pe.content(pe.section(".linux").unwrap()), [2; 5]);
    let stored = pe.headers.optional.check_sum.get();
    assert_eq!(stored, checksum(&image, pe.headers.checksum_offset()));
    assert_ne!(stored, 0);
}

#[test]
fn sections_never_share_a_page() {
    let mut stub = stub();
    // SectionAlignment 0x200, as in systemd 252.
    stub[0x58 + 33] = 2;
    let image = add_sections(&stub, &[new(".osrel", b"x"), new(".linux", b"y")], 0).unwrap();
    let pe = Pe::parse(&image).unwrap();
    let addresses: Vec<_> = (pe.headers.sections.iter())
        .map(|s| s.virtual_address.get())
        .collect();
    assert_eq!(addresses, [0x1000, 0x2000, 0x3000, 0x4000]);
    assert_eq!(pe.headers.optional.size_of_image.get(), 0x4200);
}

#[test]
fn a_section_of_the_same_name_is_replaced_and_may_grow() {
    let data = [b'x'; 0x321];
    let image = add_sections(&stub(), &[new(".sbat", &data), new(".linux", &[2; 5])], 0).unwrap();
    let pe = Pe::parse(&image).unwrap();
    assert_eq!(pe.headers.sections.len(), 3);
    assert_eq!(pe.content(pe.section(".sbat").unwrap()), data);
    assert_eq!(
        pe.section(".linux").unwrap().pointer_to_raw_data.get(),
        0xa00
    );
}

#[test]
fn headers_must_be_in_the_file_and_in_front_of_the_contents() {
    let cut = &stub()[..0x3f0];
    let mut no_sections = cut.to_vec();
    no_sections[0x40 + 6] = 0;
    let mut short = stub();
    // SizeOfHeaders.
    short[0x58 + 60..0x58 + 64].fill(0);
    let mut early = stub();
    // PointerToRawData of the first section.
    early[0x58 + 112 + 16 * 8 + 20..][..4].copy_from_slice(&0x100_u32.to_le_bytes());
    let cases: [(&[u8], &str); 4] = [
        (cut, "lies beyond the end of the file"),
        (
            &no_sections,
            "the headers at offset 0x0 (0x400 bytes) lies beyond the end of the file",
        ),
        (&short, "one behind the section table"),
        (&early, "one behind the section table"),
    ];
    for (image, expected) in cases {
        // One that is there already: no more room is needed.
        let error = add_sections(image, &[new(".sbat", b"x")], 0)
            .unwrap_err()
            .to_string();
        assert!(error.contains(expected), "{expected}: {error}");
    }
}

#[test]
fn a_replacement_larger_than_its_place_in_memory_is_refused() {
    let error = add_sections(&stub(), &[new(".text", &[0; 0x1001])], 0).unwrap_err();
    let expected = EditError::NoRoomInMemory {
        name: ".text".to_owned(),
        size: 0x1001,
        room: 0x1000,
    };
    assert_eq!(error, expected);
}

#[test]
fn too_many_sections_are_counted() {
    let many = vec![new(".x", b"x"); 40];
    let error = add_sections(&stub(), &many, 0).unwrap_err();
    // 0x400 - (0x40 + 4 + 20 + 240 + 80) = 616 bytes: 15 headers of 40 bytes.
    assert_eq!(
        error,
        EditError::NoRoomForHeaders {
            room: 15,
            needed: 40
        }
    );
}

#[test]
fn flags_are_cleared() {
    let image = add_sections(&stub(), &[new(".x", b"x")], DLL_NX_COMPAT).unwrap();
    let flags = Pe::parse(&image)
        .unwrap()
        .headers
        .optional
        .dll_characteristics;
    assert_eq!(flags.get(), 0x60);
}

#[test]
fn an_unknown_tail_is_refused_and_zeros_are_dropped() {
    let mut tail = stub();
    tail.extend_from_slice(&[0; 64]);
    let clean = add_sections(&stub(), &[new(".x", b"x")], 0).unwrap();
    assert_eq!(add_sections(&tail, &[new(".x", b"x")], 0).unwrap(), clean);
    tail.push(1);
    let error = add_sections(&tail, &[new(".x", b"x")], 0).unwrap_err();
    let expected = EditError::UnknownTail {
        offset: 0x800,
        size: 65,
    };
    assert_eq!(error, expected);
}

#[test]
fn bad_headers_are_named() {
    let cases: &[(usize, u8, &str)] = &[
        (0, 0, "DOS magic"),
        (0x3c, 0x41, "PE signature"),
        (0x3f, 0x41, "beyond the end"),
        (0x58, 0x0c, "magic"),
        (0x58 + 36, 3, "file alignment"),
        (0x58 + 108, 17, "data directories"),
        (0x47, 1, "section header"),
    ];
    for (offset, byte, expected) in cases {
        let mut image = stub();
        image[*offset] = *byte;
        let error = Pe::parse(&image).unwrap_err().to_string();
        assert!(error.contains(expected), "{offset:#x}: {error}");
    }
}

#[test]
fn truncations_are_errors() {
    let image = stub();
    for length in 0..image.len() {
        assert!(Pe::parse(&image[..length]).is_err(), "{length:#x}");
    }
}

proptest! {
    #[test]
    fn arbitrary_changes_never_panic(changes in prop::collection::vec((0_usize..0x800, any::<u8>()), 1..8)) {
        let mut image = stub();
        for (offset, byte) in changes {
            image[offset] = byte;
        }
        let _ = Pe::parse(&image);
        let _ = add_sections(&image, &[new(".sbat", b"x"), new(".linux", b"y")], 0);
        let _ = set_checksum(&mut image);
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..512)) {
        let _ = Pe::parse(&bytes);
    }
}
