//! `sealboot keys …`, and opening the owner's keys for the verbs that sign.

mod apply;
mod backup;
mod check;
mod export;
mod memory;
mod others;
mod passphrase;
mod revoke;
mod rotate;
mod show;
mod token;

use std::io;
use std::path::Path;

use anyhow::Context;
use source::keys::{
    self, CertificateSummary, CommandSigner, FileSigner, KeySet, KeySetOptions, LoadError, PcrKey,
    RANDOM_SIZE, RsaBits, Signer, WriteError,
};
use uguid::Guid;

pub use token::is_token;

use crate::args::{KeysCreate, KeysVerb, Passphrase};
use crate::clock;
use crate::exit::{Code, Failure, WithCode};
use crate::output;

/// What is put on a boot partition for enrolment by hand: nothing private, and not the empty PK,
/// which would let anybody who can write variables turn Secure Boot off.
const FOR_ENROLMENT: [&str; 6] = [
    "PK.auth", "PK.cer", "KEK.auth", "KEK.cer", "db.auth", "db.cer",
];

/// Does what the command line says.
pub fn verb(verb: &KeysVerb, json: bool) -> anyhow::Result<()> {
    match verb {
        KeysVerb::Create(options) => create(options, json),
        KeysVerb::Show(folder) => show::verb(&folder.folder, json),
        KeysVerb::Check(options) => check::verb(options, json),
        KeysVerb::Backup(options) => backup::write(options, json),
        KeysVerb::Restore(options) => backup::restore(options, json),
        KeysVerb::Export(options) => export::verb(options, json),
        KeysVerb::Rotate(options) => rotate::verb(options, json),
        KeysVerb::Revoke(options) => revoke::verb(options, json),
        KeysVerb::Apply(options) => apply::verb(options, json),
    }
}

fn create(options: &KeysCreate, json: bool) -> anyhow::Result<()> {
    let folder = &options.folder.folder;
    let owner = match &options.owner {
        Some(text) => text
            .parse()
            .map_err(|_| {
                anyhow::anyhow!(
                    "--owner {text:?} is not a GUID; hex digits in groups of 8-4-4-4-12 are needed"
                )
            })
            .code(Code::Usage)?,
        None => Guid::from_random_bytes(random::<16>()?),
    };
    let others = others::chosen(options)?;
    // Nobody should think of a passphrase for what cannot be made.
    let now = clock::now()?;
    KeySet::check_folder(folder).map_err(not_written)?;
    memory::keep_private()?;
    let passphrase = match options.no_passphrase {
        true => None,
        false => Some(passphrase::choose(&options.passphrase)?),
    };
    let set = keys::create(&KeySetOptions {
        rsa_bits: bits(&options.bits),
        owner,
        common_name: &options.name,
        not_before: now,
        validity_days: options.years * 365 + options.years / 4,
        random: &random::<RANDOM_SIZE>()?,
        passphrase: passphrase.as_ref().map(|text| text.as_bytes()),
        others: &others::lists(&others),
    })
    .code(Code::Usage)?;
    set.write(folder).map_err(not_written)?;
    show::verb(folder, json)?;
    if !json {
        let protected = match options.no_passphrase {
            true => "they are NOT protected by a passphrase",
            false => "the passphrase is asked for when something is signed",
        };
        output::print(&format!(
            "\nPrivate keys are in {}/*.key; {protected}.\n\
             Keep a copy where no network reaches it;\n\
             'sealboot keys backup' makes pages to print.\n",
            folder.display()
        ))?;
        for other in &others {
            let (name, lets_in) = (other.authority.name, other.authority.lets_in);
            output::print(&format!(
                "\ndb also trusts {name}.\nThat lets in {lets_in}.\n"
            ))?;
        }
    }
    Ok(())
}

fn bits(text: &str) -> RsaBits {
    match text {
        "3072" => RsaBits::Rsa3072,
        "4096" => RsaBits::Rsa4096,
        _ => RsaBits::Rsa2048,
    }
}

fn not_written(error: WriteError) -> anyhow::Error {
    let no_folder = |source: &io::Error| matches!(source.kind(), io::ErrorKind::NotFound);
    match error {
        WriteError::Write { path, source } if no_folder(&source) => {
            let what = format!(
                "keys cannot be written to {}; make that folder first",
                path.display()
            );
            Failure::new(Code::Missing, anyhow::Error::from(source).context(what)).into()
        }
        WriteError::Write { .. } => Failure::new(Code::Failed, error).into(),
        WriteError::Exists(_) => Failure::new(Code::Keys, error).into(),
    }
}

/// The owner's keys, opened to sign a release.
pub struct OwnerKeys {
    /// None where the key is not on this machine.
    db: Option<Box<dyn Signer>>,
    pcr: Option<PcrKey>,
    for_enrolment: Vec<(&'static str, Vec<u8>)>,
}

/// What is public of the owner's keys: nothing can be signed with it.
pub fn open_public(folder: &Path) -> anyhow::Result<OwnerKeys> {
    let for_enrolment: Vec<(&str, Vec<u8>)> = FOR_ENROLMENT
        .into_iter()
        .map(|name| Ok((name, public(folder, name)?)))
        .collect::<anyhow::Result<_>>()?;
    Ok(OwnerKeys {
        db: None,
        pcr: None,
        for_enrolment,
    })
}

/// Opens the db key: the program `sign_with` with its arguments, the key in a token where that is a `pkcs11:`
/// URI or, where it is empty, the key's file, whose passphrase is asked for if it has one and no file was
/// named.
pub fn open(
    folder: &Path,
    passphrase: &Passphrase,
    sign_with: &[String],
) -> anyhow::Result<OwnerKeys> {
    let db = open_key(folder, "db", passphrase, sign_with)?;
    let public = open_public(folder)?;
    if public.certificate() != db.certificate() {
        let folder = folder.display();
        return Err(anyhow::anyhow!(
            "{folder}/db.cer, which would be enrolled, is not the certificate {folder}/db.crt, \
             which signs: a machine that enrols it would not start this release"
        ))
        .code(Code::Keys);
    }
    Ok(public.signing_with(db))
}

/// Any key of the owner, likewise.
pub fn open_key(
    folder: &Path,
    name: &str,
    passphrase: &Passphrase,
    sign_with: &[String],
) -> anyhow::Result<Box<dyn Signer>> {
    let certificate = folder.join(format!("{name}.crt"));
    let signer: Box<dyn Signer> = match sign_with {
        [] => Box::new(open_file(folder, name, passphrase)?),
        [uri, ..] if is_token(uri) => Box::new(token::open(sign_with, &certificate)?),
        command => Box::new(CommandSigner::new(command, &certificate).code(Code::Keys)?),
    };
    if let Some(warning) = expired(signer.certificate()) {
        let certificate = certificate.display();
        output::tell(&format!("warning: {certificate} {warning}"));
    }
    Ok(signer)
}

/// Opens a key's file, asking for its passphrase if it has one and no file was named.
fn open_file(folder: &Path, name: &str, options: &Passphrase) -> anyhow::Result<FileSigner> {
    memory::keep_private()?;
    let [key, certificate] = ["key", "crt"].map(|end| folder.join(format!("{name}.{end}")));
    let load = |passphrase: Option<&[u8]>| FileSigner::load(&key, &certificate, passphrase);
    let signer = with_passphrase(&key, options, load)?;
    if let Some(warning) = signer.open_permissions() {
        output::tell(&format!("warning: {warning}"));
    }
    Ok(signer)
}

/// Opens a key that signs states of PCR 11, likewise.
pub fn open_pcr(path: &Path, options: &Passphrase) -> anyhow::Result<PcrKey> {
    memory::keep_private()?;
    with_passphrase(path, options, |passphrase| PcrKey::load(path, passphrase))
        .context("no key signs the states of PCR 11")
}

/// Opens the key in a file with the passphrase from the file that was named, or none, or asks for it where it
/// has one.
fn with_passphrase<K>(
    path: &Path,
    options: &Passphrase,
    load: impl Fn(Option<&[u8]>) -> Result<K, LoadError>,
) -> anyhow::Result<K> {
    let given = passphrase::given(options)?;
    match load(given.as_ref().map(|text| text.as_bytes())) {
        Err(LoadError::PassphraseNeeded { .. }) => {
            let question = format!("Passphrase of {}: ", path.display());
            let asked = passphrase::ask(&question)
                .with_context(|| format!("the private key {} cannot be opened", path.display()))?;
            load(Some(asked.as_bytes()))
        }
        other => other,
    }
    .code(Code::Keys)
}

/// What is to be said of a certificate whose time is over, or still to come. It is no reason not to
/// sign: firmware and kernel do not look at the time, and a machine that trusts this certificate
/// takes nothing else.
fn expired(certificate: &[u8]) -> Option<String> {
    let certificate = CertificateSummary::read(certificate).ok()?;
    let today = clock::day(clock::now().ok()?);
    let when = if certificate.not_after < today {
        format!("expired on {}", certificate.not_after)
    } else if certificate.not_before > today {
        format!("is valid from {} on only", certificate.not_before)
    } else {
        return None;
    };
    Some(format!("{when}; firmware does not mind, other tools may"))
}

impl OwnerKeys {
    /// The same, with something that signs what boots.
    pub fn signing_with(self, db: Box<dyn Signer>) -> Self {
        Self {
            db: Some(db),
            ..self
        }
    }

    /// The key that signs what boots, where it is here.
    pub fn db(&self) -> Option<&dyn Signer> {
        self.db.as_deref()
    }

    /// The same, with something that signs states of PCR 11.
    pub fn with_pcr(self, pcr: PcrKey) -> Self {
        Self {
            pcr: Some(pcr),
            ..self
        }
    }

    /// The key that signs states of PCR 11, where there is one.
    pub fn pcr(&self) -> Option<&PcrKey> {
        self.pcr.as_ref()
    }

    /// The certificate of the key that signs what boots, DER.
    pub fn certificate(&self) -> &[u8] {
        self.public("db.cer")
    }

    /// A file of what an owner enrols by hand; empty when it is none of these.
    pub fn public(&self, name: &str) -> &[u8] {
        let mut files = self.for_enrolment.iter();
        let found = files.find(|(own, _)| *own == name);
        found.map_or(&[], |(_, bytes)| bytes)
    }

    /// Names and contents of what an owner enrols by hand.
    pub fn for_enrolment(&self) -> &[(&'static str, Vec<u8>)] {
        &self.for_enrolment
    }
}

/// A file of the keys folder that is not private.
pub fn public(folder: &Path, name: &str) -> anyhow::Result<Vec<u8>> {
    let path = folder.join(name);
    let advice = match folder.exists() {
        true => "take it from your copy of the keys",
        false => "'sealboot keys create' makes keys",
    };
    std::fs::read(&path)
        .with_context(|| format!("{} cannot be read; {advice}", path.display()))
        .code(Code::Keys)
}

fn random<const N: usize>() -> anyhow::Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)
        .map_err(|error| anyhow::anyhow!("the kernel gives no random bytes: {error}"))?;
    Ok(bytes)
}
