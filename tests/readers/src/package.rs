//! Debian's and Alpine's packages and indexes.

use std::io::{Cursor, Read, Write};
use std::sync::{Arc, LazyLock};

use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{KeyPair, RSA_PKCS1_SHA256, RsaKeyPair};
use formats::ar;
use source::alpine::{self, Apk, List};
use source::debian::{self, Deb, Follow, Origin, Release, Wanted};
use source::fetch::Digest;
use source::layer::{Layer, LayerKind, TarBytes};
use source::tree::Tree;

use crate::layer::merge;
use crate::{MOST, repair_tar, with_file};

pub(crate) fn deb(bytes: &[u8]) {
    for member in ar::members(&mut Cursor::new(bytes), 16).unwrap_or_default() {
        assert!(member.offset + member.size <= bytes.len() as u64);
    }
    for bytes in [bytes, &repair_tar(bytes)] {
        with_file(bytes, |path| {
            let Ok(deb) = Deb::open(path) else {
                return;
            };
            let _ = source::inventory::Component::of_deb(&deb).purl();
            layer(Arc::new(deb));
        });
    }
}

/// Merges a package's data, where it is no more than is read here.
fn layer(package: Arc<dyn Layer>) {
    let mut stream = Vec::new();
    let read = package
        .open()
        .map(|input| input.take(MOST).read_to_end(&mut stream));
    if read.is_ok() && (stream.len() as u64) < MOST {
        merge(&[package]);
    }
}

pub(crate) fn apk(bytes: &[u8]) {
    let keyring = &KEY.1;
    with_file(bytes, |path| drop(Apk::open(path, keyring)));
    let _ = List::verify(bytes, keyring, "https://example.org/main/x86_64");
}

/// `.PKGINFO` up to 0xff, which no text has, then the tar stream of the data.
pub(crate) fn apk_signed(bytes: &[u8]) {
    let mut parts = bytes.splitn(2, |byte| *byte == 0xff);
    let [info, data] = [(); 2].map(|()| parts.next().unwrap_or_default());
    let data = gzip(&repair_tar(data));
    let info = [
        info,
        format!("\ndatahash = {}\n", Digest::of(&data)).as_bytes(),
    ]
    .concat();
    let control = member(&[(".PKGINFO", &info), (".post-install", b"#!/bin/sh\n")]);
    let file = [signature(&control), control, data].concat();
    with_file(&file, |path| {
        let Ok(apk) = Apk::open(path, &KEY.1) else {
            return;
        };
        let _ = (apk.package().file_name(), apk.triggers(), apk.signer());
        let _ = source::inventory::Component::of_apk(&apk).purl();
        layer(Arc::new(apk.clone()));
        let mut tree = Tree::new();
        if alpine::compose(&mut tree, &[], vec![apk]).is_ok() {
            source::inventory::installed(&tree).expect("the records that were just made");
        }
    });
}

pub(crate) fn apk_index(bytes: &[u8]) {
    let list = member(&[
        ("DESCRIPTION", b"v3.20.3-1-g0123456789"),
        ("APKINDEX", bytes),
    ]);
    let file = [signature(&list), list].concat();
    let Ok(list) = List::verify(&file, &KEY.1, "https://example.org/main/x86_64") else {
        return;
    };
    let _ = (list.release(), list.made);
    for package in &list.packages {
        let _ = (package.file_name(), package.url());
    }
    let index = alpine::Index::new(list.packages);
    let names = index
        .packages()
        .iter()
        .take(20)
        .map(|package| package.name.parse());
    let wanted: Vec<alpine::Relation> = names.flatten().collect();
    let _ = alpine::resolve(&index, &wanted, Follow::All, &[]);
    for one in wanted {
        if let Ok(chosen) = alpine::resolve(&index, &[one], Follow::All, &[]) {
            assert!(chosen.len() <= index.len());
        }
    }
}

pub(crate) fn packages(bytes: &[u8]) {
    let origin = Origin {
        mirror: "https://example.org/debian".to_owned(),
        suite: "trixie".to_owned(),
        component: "main".to_owned(),
    };
    let Ok(packages) = debian::Index::read(bytes, "amd64", origin) else {
        return;
    };
    for package in &packages {
        let _ = (package.depends(), package.conflicts(), package.provides());
        let _ = (package.file_name(), package.url());
    }
    let Ok(index) = debian::Index::new(packages) else {
        return;
    };
    let names = index.names();
    let wanted: Vec<Wanted> = names
        .iter()
        .take(20)
        .flat_map(|name| name.parse())
        .collect();
    for follow in [Follow::All, Follow::SameSource] {
        let _ = debian::resolve(&index, &wanted, follow, &[]);
    }
    for one in wanted {
        let _ = debian::resolve(&index, &[one], Follow::All, &["libc6".to_owned()]);
    }
}

pub(crate) fn in_release(bytes: &[u8]) {
    static KEYRING: LazyLock<debian::Keyring> =
        LazyLock::new(|| debian::Keyring::debian().expect("the keys in the program"));
    const NOW: u64 = 1_795_252_544;
    if let Ok(release) = Release::verify(bytes, &KEYRING, NOW) {
        let _ = release.check("trixie", NOW, false);
        let _ = release.check_not_older(&release);
    }
    let _ = debian::Keyring::default().add("fuzzed", bytes);
    let _ = alpine::Keyring::default().add("fuzzed", bytes);
}

/// The databases of a root, each with what is there.
pub(crate) fn inventory(bytes: &[u8]) {
    let mut tar = tar::Builder::new(Vec::new());
    for path in [
        "var/lib/dpkg/status",
        "var/lib/dpkg/status.d/one",
        "lib/apk/db/installed",
    ] {
        append(&mut tar, path, bytes);
    }
    let bytes: Arc<[u8]> = tar.into_inner().expect("a tar stream in memory").into();
    let mut tree = Tree::new();
    let kind = LayerKind::Archive;
    let layer = TarBytes {
        name: "root".to_owned(),
        bytes,
        kind,
    };
    tree.add_layer(Arc::new(layer))
        .expect("a tar stream in memory");
    let _ = source::inventory::databases(&tree);
    for component in source::inventory::installed(&tree).unwrap_or_default() {
        let _ = component.purl();
    }
}

/// A key that signs what would else not be read, and the ring that believes it.
static KEY: LazyLock<(RsaKeyPair, alpine::Keyring)> = LazyLock::new(|| {
    let pair = RsaKeyPair::generate(KeySize::Rsa2048).expect("a key");
    let public: PublicKeyX509Der<'_> = pair.public_key().as_der().expect("a public key");
    let pem = der::pem::encode_string("PUBLIC KEY", der::pem::LineEnding::LF, public.as_ref());
    let mut keyring = alpine::Keyring::default();
    let added = keyring.add(KEY_NAME, pem.expect("a public key").as_bytes());
    added.expect("a key that was just made");
    (pair, keyring)
});

const KEY_NAME: &str = "fuzz.rsa.pub";

/// A member with a signature of `signed`.
fn signature(signed: &[u8]) -> Vec<u8> {
    let key = &KEY.0;
    let mut signature = vec![0; key.public_modulus_len()];
    let made = key.sign(
        &RSA_PKCS1_SHA256,
        &SystemRandom::new(),
        signed,
        &mut signature,
    );
    made.expect("a key that signs");
    member(&[(&format!(".SIGN.RSA256.{KEY_NAME}"), &signature)])
}

/// A tar stream without an end, in a gzip member.
fn member(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for (name, bytes) in files {
        append(&mut tar, name, bytes);
    }
    let mut stream = tar.into_inner().expect("a tar stream in memory");
    stream.truncate(stream.len() - 1024);
    gzip(&stream)
}

fn append(tar: &mut tar::Builder<Vec<u8>>, name: &str, bytes: &[u8]) {
    let mut header = tar::Header::new_ustar();
    header.set_size(bytes.len() as u64);
    header.set_mode(0o644);
    header.set_mtime(1_700_000_000);
    tar.append_data(&mut header, name, bytes)
        .expect("a tar stream in memory");
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    out.write_all(bytes).expect("writing into memory");
    out.finish().expect("writing into memory")
}
