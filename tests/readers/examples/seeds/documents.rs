//! JSON, text, and the variables of firmware.

use contract::failure::Failure;
use formats::efi_signature_list::Timestamp;
use formats::load_option::{self, LoadOption, Node};
use formats::varstore::format::{
    AUTHENTICATED_STORE, NV_DATA_VOLUME, STORE_FORMATTED, STORE_HEALTHY, VOLUME_SIGNATURE,
};
use formats::varstore::{self, Variable};
use formats::{efi_signature_list, efivars};
use uguid::Guid;

use crate::Seed;

pub(crate) fn seeds() -> Vec<Seed> {
    let failure = Failure {
        release: "1".to_owned(),
        step: "mapping root".to_owned(),
        problem: "it is damaged".to_owned(),
        expected: Some("a".to_owned()),
        found: Some("b".to_owned()),
        kernel_log: Some("line\nline".to_owned()),
        ..Failure::default()
    };
    let mut seeds: Vec<Seed> = vec![
        (
            "manifest",
            "release",
            include_bytes!("release.json").to_vec(),
        ),
        ("manifest", "boot", include_bytes!("boot.json").to_vec()),
        (
            "manifest",
            "recovery",
            br#"{"console":"shell","network":"automatic","authorized_keys":1}"#.to_vec(),
        ),
        ("manifest", "failure", failure.to_json()),
        ("variables", "option", boot_entry()),
        ("variables", "store", store()),
        ("inspect", "option", boot_entry()),
        ("inspect", "store", store()),
        (
            "variables",
            "secure-boot",
            vec![6, 0, 0, 0, 1, 6, 0, 0, 0, 0],
        ),
        ("signature_list", "hashes", {
            let list = efi_signature_list::sha256_list(Guid::ZERO, &[[1; 32], [2; 32]]);
            efi_signature_list::write(&[list])
        }),
    ];
    let lines = [
        (
            "key",
            "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f me",
        ),
        (
            "registry",
            "oci://registry.example:5000/team/system:1.4@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        ),
        ("layout", "oci:folder:tag"),
        ("pattern", "pci:v*d[0-9a]*sv?\npci:v00008086d0000100Esv1"),
        ("debian", "1:2.0~rc1-1+b1\n1:2.0-1"),
        ("alpine", "1.2.3a_rc1_p2~abc-r1\n1.2.3-r0"),
        ("command-line", "root\nquiet root=a,b root=c [integrity]"),
    ];
    seeds.extend(lines.map(|(name, line)| ("text", name, line.as_bytes().to_vec())));
    seeds
}

fn boot_entry() -> Vec<u8> {
    let partition = Node::Partition {
        number: 1,
        first_lba: 2048,
        sectors: 4096,
        guid: Guid::from_bytes([7; 16]),
    };
    load_option::write(&LoadOption::of_file(
        "sealboot",
        partition,
        "EFI/Linux/a.efi",
    ))
    .unwrap()
}

/// A store of 1 KiB with two variables.
fn store() -> Vec<u8> {
    let mut volume = [0; 72];
    volume[16..32].copy_from_slice(&NV_DATA_VOLUME.to_bytes());
    volume[32..40].copy_from_slice(&0x400_u64.to_le_bytes());
    volume[40..44].copy_from_slice(&VOLUME_SIGNATURE);
    volume[48..50].copy_from_slice(&72_u16.to_le_bytes());
    volume[55] = 2;
    let words = volume
        .chunks_exact(2)
        .map(|word| u16::from_le_bytes([word[0], word[1]]));
    let sum = words.fold(0, u16::wrapping_add).wrapping_neg();
    volume[50..52].copy_from_slice(&sum.to_le_bytes());
    let mut file = volume.to_vec();
    file.extend_from_slice(&AUTHENTICATED_STORE.to_bytes());
    file.extend_from_slice(&(0x400_u32 - 72).to_le_bytes());
    file.extend_from_slice(&[STORE_FORMATTED, STORE_HEALTHY, 0, 0, 0, 0, 0, 0]);
    file.resize(0x400, 0xff);
    let variable = |variable: efivars::Variable, data: Vec<u8>| Variable {
        name: variable.name.to_owned(),
        vendor: variable.vendor,
        attributes: variable.attributes,
        time: Timestamp::from_unix(1_800_000_000).unwrap(),
        data,
    };
    let list = efi_signature_list::sha256_list(Guid::ZERO, &[[1; 32]]);
    let variables = [
        variable(efivars::DB, efi_signature_list::write(&[list])),
        variable(efivars::BOOT_NEXT, boot_entry()),
    ];
    varstore::write(&file, &variables).unwrap()
}
