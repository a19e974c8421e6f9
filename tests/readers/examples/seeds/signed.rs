//! Keys, and what they sign: made by what `sealboot keys create` and `uki build` call.

use std::fs;
use std::io;

use formats::authenticode::{append, assemble, image_digest, to_be_signed};
use readers::uki;
use source::keys::{
    FileSigner, KeySetOptions, RANDOM_SIZE, RsaBits, Signer, create, sign_attached, sign_detached,
};
use uguid::Guid;

use crate::Seed;

pub(crate) fn seeds() -> io::Result<Vec<Seed>> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("keys");
    let options = KeySetOptions {
        rsa_bits: RsaBits::Rsa2048,
        owner: Guid::from_bytes([7; 16]),
        common_name: "Fuzzed",
        not_before: 1_798_761_599,
        validity_days: 3650,
        // The keys are gone when this ends.
        random: &[0xa5; RANDOM_SIZE],
        passphrase: None,
        others: &[],
    };
    let keys = create(&options).map_err(io::Error::other)?;
    keys.write(&path).map_err(io::Error::other)?;
    let signer = FileSigner::load(&path.join("db.key"), &path.join("db.crt"), None);
    let signer = signer.map_err(io::Error::other)?;

    let detached = sign_detached(&signer, b"content").map_err(io::Error::other)?;
    let attached = sign_attached(&signer, b"content").map_err(io::Error::other)?;
    let image = image(&signer)?;
    let mut seeds: Vec<Seed> = vec![
        ("inspect", "detached", detached.clone()),
        ("pkcs7", "detached", detached),
        ("pkcs7", "attached", attached),
        ("inspect", "uki", image.clone()),
        ("pe", "signed", image),
    ];
    let files = [
        ("db.crt", &["inspect"][..]),
        ("db.cer", &["pkcs7"]),
        ("db.esl", &["signature_list", "inspect"]),
        ("db.auth", &["signature_list", "inspect"]),
        ("PK-empty.auth", &["signature_list"]),
    ];
    for (name, targets) in files {
        let bytes = fs::read(path.join(name))?;
        seeds.extend(targets.iter().map(|target| (*target, name, bytes.clone())));
    }
    Ok(seeds)
}

/// A signed UKI of almost nothing.
fn image(signer: &FileSigner) -> io::Result<Vec<u8>> {
    let sections: [(&str, &[u8]); 3] = [
        (".cmdline", b"quiet"),
        (".linux", b"MZ"),
        (".initrd", b"070701"),
    ];
    let mut image = uki(&sections).unwrap();
    let digest = image_digest(&image).map_err(io::Error::other)?;
    let message = to_be_signed(&digest).map_err(io::Error::other)?;
    let signature = signer.sign(&message).map_err(io::Error::other)?;
    let signature = assemble(signer.certificate(), &digest, &signature);
    append(&mut image, &signature.map_err(io::Error::other)?).map_err(io::Error::other)?;
    Ok(image)
}
