//! Variable stores, read by OVMF itself: it comes up with Secure Boot on and our keys in it.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::owner::{NOT_BEFORE, Owner};
use artifact::uki::{DEFAULT_SBAT, Parts, assemble, sign};
use formats::efi_signature_list::Timestamp;
use formats::efivars::{self, CUSTOM_MODE, DB, KEK, PK, SECURE_BOOT_ENABLE};
use formats::load_option;
use formats::varstore::{Store, Variable, write};

/// `OVMF_VARS_4M.fd` with the owner's keys.
fn varstore(owner: &Owner) -> Vec<u8> {
    let template = fs::read("/usr/share/OVMF/OVMF_VARS_4M.fd");
    let template = template.expect("OVMF is in Debian's package ovmf: apt-get install ovmf");
    let keys = [(PK, "PK.esl"), (KEK, "KEK.esl"), (DB, "db.esl")];
    let keys = keys.map(|(variable, file)| (variable, owner.read(file)));
    let flags = [(SECURE_BOOT_ENABLE, vec![1]), (CUSTOM_MODE, vec![0])];
    let variable = |(variable, data): (efivars::Variable, Vec<u8>)| Variable {
        name: variable.name.to_owned(),
        vendor: variable.vendor,
        attributes: variable.attributes,
        time: match variable.attributes & efivars::TIME_BASED_AUTHENTICATED_WRITE_ACCESS {
            0 => Timestamp::default(),
            _ => Timestamp::from_unix(NOT_BEFORE).unwrap(),
        },
        data,
    };
    let variables: Vec<_> = keys.into_iter().chain(flags).map(variable).collect();
    write(&template, &variables).unwrap()
}

/// What the firmware says on its serial port until it tried to start `image`, and the store that
/// it leaves.
fn boot(owner: &Owner, image: &[u8]) -> (String, Vec<u8>) {
    let vars = owner.file("vars.fd", &varstore(owner));
    let image = owner.file("image.efi", image);
    let disk = owner.file("disk.img", &vec![0; 64 << 20]);
    let log = owner.file("serial.log", b"");
    for arguments in [&["-F", "::"][..], &["::/EFI"], &["::/EFI/BOOT"]] {
        let name = if arguments[0] == "-F" {
            "mformat"
        } else {
            "mmd"
        };
        let mut command = Command::new(name);
        tests::stdout("mtools", command.arg("-i").arg(&disk).args(arguments));
    }
    let mut copy = Command::new("mcopy");
    copy.arg("-i")
        .arg(&disk)
        .arg(&image)
        .arg("::/EFI/BOOT/BOOTX64.EFI");
    tests::stdout("mtools", &mut copy);

    let drive = |unit: u8, path: &Path| {
        let readonly = if unit == 0 { ",readonly=on" } else { "" };
        format!(
            "if=pflash,unit={unit},format=raw,file={}{readonly}",
            path.display()
        )
    };
    let mut qemu = Command::new("qemu-system-x86_64");
    qemu.args([
        "-machine",
        "q35,smm=on",
        "-cpu",
        "max",
        "-accel",
        "tcg",
        "-m",
        "512",
    ]);
    qemu.args(["-global", "driver=cfi.pflash01,property=secure,value=on"]);
    qemu.args([
        "-nodefaults",
        "-display",
        "none",
        "-no-reboot",
        "-nic",
        "none",
    ]);
    qemu.arg("-drive").arg(drive(
        0,
        Path::new("/usr/share/OVMF/OVMF_CODE_4M.secboot.fd"),
    ));
    qemu.arg("-drive").arg(drive(1, &vars));
    qemu.arg("-drive")
        .arg(format!("if=virtio,format=raw,file={}", disk.display()));
    qemu.arg("-serial").arg(format!("file:{}", log.display()));
    let qemu = qemu.stdin(Stdio::null()).spawn();
    let mut qemu = qemu.expect("qemu-system-x86_64 is in Debian's package qemu-system-x86");
    let start = Instant::now();
    let said = loop {
        let said = String::from_utf8_lossy(&fs::read(&log).unwrap()).into_owned();
        let tried = ["BdsDxe: starting", "BdsDxe: failed", "Access Denied"];
        if tried.iter().any(|text| said.contains(text))
            || start.elapsed() > Duration::from_secs(300)
        {
            break said;
        }
        std::thread::sleep(Duration::from_millis(200));
    };
    let _ = qemu.kill();
    let _ = qemu.wait();
    (said, fs::read(vars).unwrap())
}

#[test]
fn ovmf_starts_what_db_signed_and_nothing_else() {
    let (owner, stranger, stub) = (
        Owner::new("Owner"),
        Owner::new("Stranger"),
        crate::owner::stub(),
    );
    let parts = Parts {
        os_release: "ID=test\n",
        cmdline: "console=ttyS0",
        uname: "0",
        sbat: DEFAULT_SBAT,
        ucode: None,
        initrd: formats::pe::Data::Bytes(b"initrd"),
        linux: &stub,
        pcr: None,
    };
    let unsigned = assemble(&stub, &parts).unwrap();
    let ours = sign(unsigned.clone(), &owner.signer("db")).unwrap();
    let theirs = sign(unsigned.clone(), &stranger.signer("db")).unwrap();
    let mut changed = ours.clone();
    changed[0x8000] ^= 1;
    for (what, image, starts) in [
        ("signed by db", &ours, true),
        ("unsigned", &unsigned, false),
        ("signed by a stranger", &theirs, false),
        ("changed", &changed, false),
    ] {
        let (said, store) = boot(&owner, image);
        let expected = if starts {
            "BdsDxe: starting"
        } else {
            "Access Denied"
        };
        assert!(said.contains(expected), "{what}: {said}");
        assert_eq!(said.contains("Access Denied"), !starts, "{what}: {said}");
        // The firmware kept what was there and added its own.
        let before = Store::parse(&varstore(&owner)).unwrap().variables;
        let after = Store::parse(&store).unwrap().variables;
        for variable in before {
            assert!(after.contains(&variable), "{what}: {}", variable.name);
        }
        assert!(after.iter().any(|v| v.name == "BootOrder"), "{what}");
        // Its own boot entries are read, and written as it wrote them.
        let is_entry = |v: &&Variable| v.name.starts_with("Boot0");
        let entries: Vec<&Variable> = after.iter().filter(is_entry).collect();
        assert!(!entries.is_empty(), "{what}");
        for entry in entries {
            let option = load_option::read(&entry.data).unwrap();
            assert_eq!(load_option::write(&option).unwrap(), entry.data, "{option}");
        }
    }
}

#[test]
fn stores_that_debian_made_are_read() {
    for (file, enrolled) in [
        ("OVMF_VARS.fd", false),
        ("OVMF_VARS_4M.fd", false),
        ("OVMF_VARS_4M.ms.fd", true),
        ("OVMF_VARS_4M.snakeoil.fd", true),
    ] {
        let bytes = fs::read(Path::new("/usr/share/OVMF").join(file));
        let bytes = bytes.expect("OVMF is in Debian's package ovmf: apt-get install ovmf");
        let store = Store::parse(&bytes).unwrap();
        for variable in [PK, KEK, DB, SECURE_BOOT_ENABLE] {
            let found = (store.variables.iter())
                .find(|v| v.name == variable.name && v.vendor == variable.vendor);
            assert_eq!(found.is_some(), enrolled, "{file}: {}", variable.name);
            let Some(found) = found else { continue };
            assert_eq!(
                found.attributes, variable.attributes,
                "{file}: {}",
                variable.name
            );
            if variable == SECURE_BOOT_ENABLE {
                assert_eq!(found.data, [1], "{file}");
            } else {
                let lists = formats::efi_signature_list::read(&found.data).unwrap();
                assert!(!lists.is_empty(), "{file}: {}", variable.name);
            }
        }
    }
}
