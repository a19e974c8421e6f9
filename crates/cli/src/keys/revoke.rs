//! `sealboot keys revoke`: updates of dbx.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use contract::manifest::Manifest;
use formats::{authenticode, pkcs7};
use serde::Serialize;
use source::fetch::Digest;
use source::keys::{CertificateSummary, Revoked, load_certificate, revoke};

use super::open_key;
use super::rotate::failed;
use crate::args::{KeysRevoke, Program};
use crate::clock;
use crate::exit::{Code, WithCode};
use crate::output;

/// Where the newest release is, when nothing else is said.
const OUT: &str = "out";

/// One thing that is named.
#[derive(Serialize)]
struct Named {
    file: PathBuf,
    /// What of it is revoked, in words.
    what: String,
    #[serde(skip)]
    revoked: Revoked,
    /// The certificate, DER, where that is what is revoked.
    #[serde(skip)]
    certificate: Option<Vec<u8>>,
}

/// What was done, for programs.
#[derive(Serialize)]
struct Done {
    revoked: Vec<Named>,
    /// How many of them were not revoked before.
    new: usize,
    /// The update, to be written with EFI_VARIABLE_APPEND_WRITE.
    apply: PathBuf,
}

/// What must not be revoked without being told so.
struct Needed {
    /// What has to be said: `--even-though NAME`.
    name: String,
    /// Why, in words.
    because: String,
    images: Vec<[u8; 32]>,
    /// DER.
    certificates: Vec<Vec<u8>>,
}

/// Makes the update.
pub fn verb(options: &KeysRevoke, json: bool) -> anyhow::Result<()> {
    let folder = &options.folder.folder;
    // 1. What is named.
    let mut named = Vec::new();
    for path in &options.what {
        named.extend(look_at(path, options.by_hash)?);
    }
    super::public(folder, "KEK.crt")?;
    no_other_role(folder, &named)?;

    // 2. Nothing that is needed.
    for key in needed_keys(folder)? {
        refuse_needed(&named, &key, options)?;
    }
    match &options.release {
        None if !Path::new(OUT).exists() => output::tell(
            "note: there is no release in out/, so nothing tells what the newest one needs; --release \
             names its folder",
        ),
        release => {
            let release = release.as_deref().unwrap_or(Path::new(OUT));
            refuse_needed(&named, &needed_by(release)?, options)?;
        }
    }
    if folder.join("KEK.next").exists() {
        let next = folder.join("KEK.next");
        let (next, folder) = (next.display(), folder.display());
        output::tell(&format!(
            "note: {folder}/KEK.key signs this; the new one in {next}/ does not yet"
        ));
    }

    // 3. Signed by the KEK.
    let sign_with = Program::words(&options.sign_with);
    let kek = open_key(folder, "KEK", &options.passphrase, sign_with)?;
    let list: Vec<Revoked> = named.iter().map(|one| one.revoked.clone()).collect();
    let new = revoke(folder, &*kek, &list, clock::now()?).map_err(failed)?;
    let done = Done {
        revoked: named,
        new,
        apply: folder.join("dbx.auth"),
    };
    match json {
        true => output::print_json(&done),
        false => output::print(&told(&done)),
    }
}

/// A UKI, a certificate, or the UKIs of a release.
fn look_at(path: &Path, by_hash: bool) -> anyhow::Result<Vec<Named>> {
    let cannot = || format!("{} cannot be revoked", path.display());
    let is_folder = fs::metadata(path)
        .with_context(cannot)
        .input_code()?
        .is_dir();
    if is_folder {
        let found = ukis(path)?;
        if found.is_empty() {
            return Err(anyhow!(
                "there is no UKI in it, as a release has: kernel.efi, or NAME.efi for each of its systems"
            ))
            .with_context(cannot)
            .code(Code::Missing);
        }
        return found.iter().map(|uki| image(uki)).collect();
    }
    let mut start = [0; 2];
    let mut file = fs::File::open(path).with_context(cannot).input_code()?;
    let is_pe = std::io::Read::read_exact(&mut file, &mut start).is_ok() && start == *b"MZ";
    if is_pe {
        return Ok(vec![image(path)?]);
    }
    let (der, _) = load_certificate(path).map_err(|_| {
        anyhow!("it is no UKI (a PE image), no certificate (X.509, PEM or DER) and no release folder")
    })
    .with_context(cannot)
    .code(Code::Refused)?;
    let subject = CertificateSummary::read(&der)
        .map_or_else(|_| "a certificate".to_owned(), |summary| summary.subject);
    let (revoked, how) = match by_hash {
        true => (
            Revoked::hash_of(&der).code(Code::Refused)?,
            ", by its SHA-256",
        ),
        false => (Revoked::Certificate(der.clone()), ""),
    };
    Ok(vec![Named {
        file: path.to_owned(),
        what: format!("whatever {subject} signed{how}"),
        revoked,
        certificate: Some(der),
    }])
}

fn image(path: &Path) -> anyhow::Result<Named> {
    let digest = digest(path)?;
    Ok(Named {
        file: path.to_owned(),
        what: format!("the image {}", Digest(digest)),
        revoked: Revoked::Image(digest),
        certificate: None,
    })
}

fn digest(path: &Path) -> anyhow::Result<[u8; 32]> {
    let cannot = || format!("{} cannot be hashed as firmware does it", path.display());
    let bytes = fs::read(path).with_context(cannot).input_code()?;
    authenticode::image_digest(&bytes)
        .with_context(cannot)
        .code(Code::Refused)
}

/// The UKIs of a release folder, by name.
fn ukis(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let cannot = || format!("the release folder {} cannot be read", folder.display());
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).with_context(cannot).input_code()? {
        let path = entry.with_context(cannot).code(Code::Failed)?.path();
        if path.extension().is_some_and(|end| end == "efi") {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// dbx says what must not boot, and not who may change variables.
fn no_other_role(folder: &Path, named: &[Named]) -> anyhow::Result<()> {
    for name in ["PK", "KEK"] {
        let Ok(der) = super::public(folder, &format!("{name}.cer")) else {
            continue;
        };
        if let Some(one) = named
            .iter()
            .find(|one| one.certificate.as_ref() == Some(&der))
        {
            return Err(anyhow!(
                "{} is the certificate of {name}, which signs nothing that boots: dbx would not stop it; \
                 'sealboot keys rotate {}' replaces it",
                one.file.display(),
                name.to_lowercase()
            ))
            .code(Code::Refused);
        }
    }
    Ok(())
}

impl Needed {
    fn has(&self, named: &Named) -> bool {
        match (&named.certificate, &named.revoked) {
            (Some(der), _) => self.certificates.contains(der),
            (None, Revoked::Image(hash)) => self.images.contains(hash),
            (None, _) => false,
        }
    }
}

/// An error when something is named that is needed, and not said to be.
fn refuse_needed(named: &[Named], needed: &Needed, options: &KeysRevoke) -> anyhow::Result<()> {
    if options.even_though.contains(&needed.name) {
        return Ok(());
    }
    let Some(one) = named.iter().find(|one| needed.has(one)) else {
        return Ok(());
    };
    Err(anyhow!(
        "{} is not revoked: {}; to revoke it all the same, add --even-though {}",
        one.file.display(),
        needed.because,
        needed.name
    ))
    .code(Code::Refused)
}

/// The key that signs, and the one that will.
fn needed_keys(folder: &Path) -> anyhow::Result<Vec<Needed>> {
    let rows = [
        (
            "db",
            "db.crt",
            "it is the certificate of the key that signs releases, and none of them would start any more \
             (rotate it first: 'sealboot keys rotate db')",
        ),
        (
            "db.next",
            "db.next/db.crt",
            "it is the certificate of the key that will sign releases",
        ),
    ];
    let there = rows
        .into_iter()
        .filter(|(_, file, _)| folder.join(file).exists());
    there
        .map(|(name, file, because)| {
            let (der, _) = load_certificate(&folder.join(file)).code(Code::Keys)?;
            Ok(Needed {
                name: name.to_owned(),
                because: because.to_owned(),
                images: Vec::new(),
                certificates: vec![der],
            })
        })
        .collect()
}

/// What the UKIs of the newest release are, and whose signatures they have.
fn needed_by(release: &Path) -> anyhow::Result<Needed> {
    let cannot = || {
        format!(
            "what the newest release in {} needs cannot be told, so nothing is revoked; --release names \
             the folder of another",
            release.display()
        )
    };
    let found = ukis(release).with_context(cannot)?;
    if found.is_empty() {
        return Err(anyhow!("there is no UKI in it"))
            .with_context(cannot)
            .code(Code::Missing);
    }
    let version = version(release).with_context(cannot)?;
    let (mut images, mut certificates) = (Vec::new(), Vec::new());
    for uki in found {
        images.push(digest(&uki).with_context(cannot)?);
        let bytes = fs::read(&uki).with_context(cannot).input_code()?;
        let signatures = authenticode::signatures(&bytes)
            .with_context(cannot)
            .code(Code::Refused)?;
        for signature in signatures {
            let message = pkcs7::read(signature)
                .with_context(cannot)
                .code(Code::Refused)?;
            certificates.extend(message.certificates);
        }
    }
    Ok(Needed {
        because: format!(
            "the newest release, {version} in {}, needs it, and would not start any more",
            release.display()
        ),
        name: version,
        images,
        certificates,
    })
}

/// The version that a release's manifest names.
fn version(release: &Path) -> anyhow::Result<String> {
    let mut last = anyhow!("there is no release.json in it");
    for entry in fs::read_dir(release).input_code()? {
        let path = entry.code(Code::Failed)?.path();
        let name = path.file_name().and_then(|name| name.to_str());
        if !name.is_some_and(|name| name.ends_with(".json") && !name.starts_with("sbom")) {
            continue;
        }
        let bytes = fs::read(&path).input_code()?;
        match Manifest::from_json(&bytes) {
            Ok(manifest) => return Ok(manifest.version),
            Err(error) => {
                last = anyhow!(error).context(format!("{} is no manifest", path.display()))
            }
        }
    }
    Err(last).code(Code::Refused)
}

fn told(done: &Done) -> String {
    let mut text = String::new();
    for one in &done.revoked {
        text.push_str(&format!("{}\n  {}\n", one.file.display(), one.what));
    }
    let file = done.apply.display();
    if done.new == 0 {
        text.push_str(&format!(
            "\nAll of it is in {file} already: nothing was made.\n"
        ));
        return text;
    }
    text.push_str(&format!(
        "\n  sealboot keys apply {file}\n    adds to what is enrolled\n\n\
         Next: apply that on every machine. From then on it starts none of this, in no\n\
         slot. It brings what was revoked before, too. It changes PCR 7: what a TPM\n\
         unlocks by that needs its recovery passphrase once.\n"
    ));
    text
}
