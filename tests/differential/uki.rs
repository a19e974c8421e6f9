//! UKIs from Debian's real stub, read by sbsigntool and binutils.

use std::fs;
use std::io::{self, Cursor};
use std::path::Path;
use std::process::Command;

use crate::owner::Owner;
use artifact::uki::{DEFAULT_SBAT, Error, Parts, assemble, build, sign, write};
use formats::pe::Data;
use formats::uki::Uki;
use source::keys::{Signer, verify_image};

const INITRD: &[u8] = &[0xdd; 5000];

fn parts(linux: &[u8]) -> Parts<'_> {
    Parts {
        os_release: "ID=test\nPRETTY_NAME=\"Test\"\n",
        cmdline: "console=ttyS0 quiet",
        uname: "6.12.0-test",
        sbat: DEFAULT_SBAT,
        ucode: Some(&[0xcc; 700]),
        initrd: Data::Bytes(INITRD),
        linux,
        pcr: None,
    }
}

fn sbverify(image: &Path, certificate: &Path) -> bool {
    let mut command = Command::new("sbverify");
    command.arg("--cert").arg(certificate).arg(image);
    let (good, said) = tests::answer("sbsigntool", &mut command);
    assert_eq!(good, said.contains("Signature verification OK"), "{said}");
    good
}

#[test]
fn sbverify_takes_the_owners_signature_and_refuses_every_change() {
    let (owner, stub) = (Owner::new("Owner"), crate::owner::stub());
    let image = build(&stub, &parts(&stub), &owner.signer("db")).unwrap();
    let certificate = owner.path("db.crt");
    let path = owner.file("kernel.efi", &image);
    assert!(sbverify(&path, &certificate));
    assert!(!sbverify(&path, &owner.path("KEK.crt")));
    assert!(!sbverify(&path, &Owner::new("Stranger").path("db.crt")));
    let (_, list) = tests::answer(
        "sbsigntool",
        Command::new("sbverify").arg("--list").arg(&path),
    );
    assert!(list.contains("Owner db"), "{list}");
    // No warning about gaps, overlaps or data that the digest leaves out.
    assert!(!list.contains("warning"), "{list}");

    let der = owner.read("db.cer");
    verify_image(&der, &image).unwrap();
    for section in Uki::parse(&image).unwrap().sections {
        let mut changed = image.clone();
        changed[section.offset as usize + section.content.len() / 2] ^= 1;
        let path = owner.file("changed.efi", &changed);
        assert!(!sbverify(&path, &certificate), "{}", section.name());
        verify_image(&der, &changed).unwrap_err();
    }
    let same = build(&stub, &parts(&stub), &owner.signer("db")).unwrap();
    assert!(same == image, "the same inputs gave other bytes");
}

#[test]
fn one_pass_gives_the_same_bytes() {
    let (owner, stub) = (Owner::new("Owner"), crate::owner::stub());
    let (signer, parts) = (owner.signer("db"), parts(&stub));
    let unsigned = assemble(&stub, &parts).unwrap();
    let signed = sign(unsigned.clone(), &signer).unwrap();
    assert!(build(&stub, &parts, &signer).unwrap() == signed);

    let later = Parts {
        initrd: Data::Later(INITRD.len() as u64),
        ..parts
    };
    let written = |signer, given: &[u8]| {
        let mut out = Cursor::new(Vec::new());
        let mut give =
            |out: &mut dyn io::Write| given.chunks(999).try_for_each(|c| out.write_all(c));
        let size = write(&stub, &later, signer, &mut out, &mut give)?;
        assert_eq!(size, out.get_ref().len() as u64);
        Ok::<_, Error>(out.into_inner())
    };
    assert!(written(Some(&signer as &dyn Signer), INITRD).unwrap() == signed);
    assert!(written(None, INITRD).unwrap() == unsigned);
    for other in [&INITRD[1..], &[INITRD, b"!"].concat()] {
        assert!(matches!(written(None, other), Err(Error::Write(_))));
    }
    assert!(assemble(&stub, &later).is_err());
}

#[test]
fn binutils_sees_every_section_where_it_belongs() {
    let (owner, stub) = (Owner::new("Owner"), crate::owner::stub());
    let parts = parts(&stub);
    let image = build(&stub, &parts, &owner.signer("db")).unwrap();
    let path = owner.file("kernel.efi", &image);

    // objdump prints: index, name, size, VMA, LMA, file offset, alignment.
    let dump = tests::stdout("binutils", Command::new("objdump").arg("-h").arg(&path));
    let dump = String::from_utf8(dump).unwrap();
    let base = formats::pe::Pe::parse(&image)
        .unwrap()
        .headers
        .optional
        .image_base
        .get();
    let rows: Vec<Vec<&str>> = dump
        .lines()
        .map(|l| l.split_whitespace().collect())
        .collect();
    let rows: Vec<_> = rows
        .iter()
        .filter(|r| r.len() == 7 && r[1].starts_with('.'))
        .collect();
    let hex = |text: &str| u64::from_str_radix(text, 16).unwrap();
    let names: Vec<&str> = rows.iter().map(|row| row[1]).collect();
    let ours = [
        ".osrel", ".cmdline", ".uname", ".ucode", ".initrd", ".linux",
    ];
    assert_eq!(names[names.len() - 6..], ours);
    let mut end = 0;
    for (row, section) in rows.iter().zip(Uki::parse(&image).unwrap().sections) {
        assert_eq!(row[1], section.name());
        assert_eq!(hex(row[2]), section.content.len() as u64, "{row:?}");
        assert_eq!(hex(row[3]) - base, u64::from(section.address), "{row:?}");
        assert_eq!(hex(row[5]), u64::from(section.offset), "{row:?}");
        assert_eq!(section.address % 0x1000, 0, "{row:?}");
        assert!(section.address >= end, "{row:?}");
        end = section.address + section.content.len() as u32;
    }

    for (name, expected) in [
        (".osrel", parts.os_release.as_bytes()),
        (".cmdline", parts.cmdline.as_bytes()),
        (".uname", parts.uname.as_bytes()),
        (".ucode", parts.ucode.unwrap()),
        (".initrd", INITRD),
        (".linux", parts.linux),
    ] {
        let section = owner.file("section", b"");
        let mut objcopy = Command::new("objcopy");
        objcopy
            .arg("--dump-section")
            .arg(format!("{name}={}", section.display()));
        tests::stdout("binutils", objcopy.arg(&path).arg(owner.file("copy", b"")));
        let found = fs::read(&section).unwrap();
        assert_eq!(found[..expected.len()], *expected, "{name}");
        assert!(found[expected.len()..].iter().all(|b| *b == 0), "{name}");
    }
    let sbat = Uki::parse(&image).unwrap();
    let sbat = sbat.text(".sbat").unwrap();
    assert_eq!(sbat.matches("sbat,1,SBAT Version").count(), 1, "{sbat}");
    for line in ["systemd-stub,", "uki,1,"] {
        assert!(sbat.contains(line), "{sbat}");
    }
}

#[test]
fn a_signed_kernel_stays_signed() {
    let (owner, vendor, stub) = (
        Owner::new("Owner"),
        Owner::new("Vendor"),
        crate::owner::stub(),
    );
    let kernel = artifact::uki::sign(stub.clone(), &vendor.signer("db"));
    let mut kernel = kernel.unwrap_or_else(|error| panic!("{error}"));
    assert!(sbverify(
        &owner.file("kernel", &kernel),
        &vendor.path("db.crt")
    ));
    let image = build(&stub, &parts(&kernel), &owner.signer("db")).unwrap();
    let inside = Uki::parse(&image).unwrap().content(".linux").unwrap();
    assert!(inside == kernel, "the kernel was changed");

    // The UKI promises no more than its kernel does.
    let flags = |image: &[u8]| {
        let pe = formats::pe::Pe::parse(image).unwrap();
        pe.headers.optional.dll_characteristics.get()
    };
    assert_eq!(flags(&image) & 0x100, 0x100);
    let offset = formats::pe::Pe::parse(&kernel)
        .unwrap()
        .headers
        .optional_offset()
        + 71;
    kernel[offset] &= !1;
    assert_eq!(flags(&assemble(&stub, &parts(&kernel)).unwrap()) & 0x100, 0);
}

#[test]
fn wrong_parts_are_named() {
    let stub = crate::owner::stub();
    let good = parts(&stub);
    let mut other_machine = stub.clone();
    let coff = formats::pe::Pe::parse(&stub).unwrap().headers.coff_offset;
    other_machine[coff..coff + 2].copy_from_slice(&[0x64, 0xaa]);
    for (expected, parts) in [
        (
            "kernel cannot be used",
            Parts {
                linux: b"bzImage",
                ..good
            },
        ),
        (
            "machine type",
            Parts {
                linux: &other_machine,
                ..good
            },
        ),
        (
            "command line contains a newline",
            Parts {
                cmdline: "a\nb",
                ..good
            },
        ),
        (
            "os-release contains a NUL",
            Parts {
                os_release: "a\0",
                ..good
            },
        ),
        (
            "SBAT",
            Parts {
                sbat: "uki,1,a\n",
                ..good
            },
        ),
        (
            "sections",
            Parts {
                initrd: Data::Bytes(b""),
                ..good
            },
        ),
    ] {
        let error = assemble(&stub, &parts).unwrap_err().to_string();
        assert!(error.contains(expected), "{expected}: {error}");
    }
}
