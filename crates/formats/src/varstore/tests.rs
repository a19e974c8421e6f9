use proptest::prelude::*;
use zerocopy::IntoBytes;
use zerocopy::byteorder::little_endian::{U16, U32, U64};

use super::format::*;
use super::*;
use crate::efi_signature_list::Timestamp;
use crate::efivars::{CUSTOM_MODE, DB, SECURE_BOOT_ENABLE};

/// A blank store of 4 KiB in a volume of 8 KiB.
fn blank() -> Vec<u8> {
    let mut volume = VolumeHeader {
        zero_vector: [0; 16],
        file_system: NV_DATA_VOLUME.to_bytes(),
        length: U64::new(0x2000),
        signature: VOLUME_SIGNATURE,
        attributes: U32::new(0x0004_feff),
        header_length: U16::new(72),
        checksum: U16::ZERO,
        ext_header_offset: U16::ZERO,
        reserved: 0,
        revision: 2,
    };
    let block_map = [0x2, 0x1000, 0, 0_u32].map(u32::to_le_bytes).concat();
    let words = [volume.as_bytes(), &block_map].concat();
    let words = words.chunks(2).map(|w| u16::from_le_bytes([w[0], w[1]]));
    volume.checksum = U16::new(words.fold(0, u16::wrapping_add).wrapping_neg());
    let store = StoreHeader {
        signature: AUTHENTICATED_STORE.to_bytes(),
        size: U32::new(0x1000 - 72),
        format: STORE_FORMATTED,
        state: STORE_HEALTHY,
        reserved: [0; 6],
    };
    let mut file = [volume.as_bytes(), &block_map, store.as_bytes()].concat();
    file.resize(0x1000, ERASED);
    file.resize(0x2000, 0x77);
    file
}

fn variables() -> [Variable; 3] {
    let flag = |variable: crate::efivars::Variable, value| Variable {
        name: variable.name.to_owned(),
        vendor: variable.vendor,
        attributes: variable.attributes,
        time: Timestamp::default(),
        data: vec![value],
    };
    let mut db = flag(DB, 0);
    db.time = Timestamp::from_unix(1_800_000_000).unwrap();
    db.data = vec![9; 77];
    [db, flag(SECURE_BOOT_ENABLE, 1), flag(CUSTOM_MODE, 0)]
}

#[test]
fn variables_are_read_as_written() {
    assert_eq!(Store::parse(&blank()).unwrap().variables, []);
    let file = write(&blank(), &variables()).unwrap();
    assert_eq!(file.len(), 0x2000);
    assert_eq!(file[0x1000..], blank()[0x1000..]);
    assert_eq!(Store::parse(&file).unwrap().variables, variables());
}

#[test]
fn a_variable_is_replaced_and_others_are_kept() {
    let file = write(&blank(), &variables()).unwrap();
    let mut changed = variables()[1].clone();
    changed.data = vec![0];
    let file = write(&file, std::slice::from_ref(&changed)).unwrap();
    let [db, _, mode] = variables();
    assert_eq!(Store::parse(&file).unwrap().variables, [db, mode, changed]);
}

#[test]
fn deleted_variables_do_not_count() {
    let mut file = write(&blank(), &variables()).unwrap();
    let first = Store::parse(&file).unwrap().area.start;
    file[first + 2] = 0x3d;
    assert_eq!(Store::parse(&file).unwrap().variables, variables()[1..]);
}

#[test]
fn a_full_store_says_by_how_much() {
    let [mut db, ..] = variables();
    db.data = vec![0; 4000];
    let error = write(&blank(), &[db]).unwrap_err();
    let expected = Error::Full {
        needed: 60 + 6 + 4000,
        room: 0x1000 - 72 - 28,
    };
    assert_eq!(error, expected);
}

#[test]
fn other_files_are_refused_by_field() {
    for (offset, byte, expected) in [
        (16, 0, "volume's type"),
        (40, b'x', "volume's signature"),
        (8, 1, "sum"),
        (72, 0, "store's type"),
        (72 + 18, 1, "store's size"),
        (72 + 20, 0, "format and state"),
    ] {
        let mut file = blank();
        file[offset] = byte;
        let error = Store::parse(&file).unwrap_err().to_string();
        assert!(error.contains(expected), "{expected}: {error}");
    }
    for length in 0..0x1000 {
        assert!(Store::parse(&blank()[..length]).is_err(), "{length:#x}");
    }
}

proptest! {
    #[test]
    fn changed_stores_never_panic(changes in prop::collection::vec((72_usize..0x200, any::<u8>()), 1..8)) {
        let mut file = write(&blank(), &variables()).unwrap();
        for (offset, byte) in changes {
            file[offset] = byte;
        }
        let _ = write(&file, &variables());
    }
}

#[test]
fn every_field_is_shown() {
    use crate::fields::tests::{golden, hostile, nested};
    let mut variables = variables();
    let hashes = crate::efi_signature_list::sha256_list(DB.vendor, &[[7; 32]]);
    for variable in variables.iter_mut().filter(|v| v.name == DB.name) {
        variable.data = crate::efi_signature_list::write(std::slice::from_ref(&hashes));
    }
    let file = write(&blank(), &variables).unwrap();
    let shown = fields(&file);
    nested(&shown);
    golden("varstore", &shown);
    hostile(&file[..0x400], 7, fields);
}
