//! New keys: PK, KEK and db, their certificates, and the signed variables that enrol them.

use formats::efi_signature_list::{SignatureList, Timestamp, write, x509_list};
use formats::efivars::{DB, PK};
use formats::pkcs7;
use uguid::Guid;
use zeroize::Zeroizing;

use super::file_signer::FileSigner;
use super::new_key::{self, KEY_RANDOM_SIZE, NewKey, RsaBits};
use super::role::ROLES;
use super::variable::{Change, sign_variable};
use super::{SignError, Signer};

/// Random bytes that [`create`] needs.
pub const RANDOM_SIZE: usize = 3 * KEY_RANDOM_SIZE;

/// What [`create`] is to make.
#[derive(Clone, Copy)]
pub struct KeySetOptions<'a> {
    /// Size of the keys.
    pub rsa_bits: RsaBits,
    /// Who owns the entries in the firmware's lists: any GUID, random is good.
    pub owner: Guid,
    /// Common name in the certificates: ` PK`, ` KEK` and ` db` are added; 1 to 60 characters.
    pub common_name: &'a str,
    /// Start of validity and time of the signed variables: seconds since 1970.
    pub not_before: u64,
    /// Validity in days. Firmware does not look at it, other tools do.
    pub validity_days: u32,
    /// Fresh random bytes; never use the same twice.
    pub random: &'a [u8; RANDOM_SIZE],
    /// Encrypts the private keys.
    pub passphrase: Option<&'a [u8]>,
    /// What else is to be in db, after the owner's certificate.
    pub others: &'a [SignatureList],
}

/// All files of a set of keys.
pub struct KeySet {
    /// In the order in which they are written.
    pub files: Vec<KeyFile>,
}

/// One file of a set of keys.
pub struct KeyFile {
    /// Name, without a folder.
    pub name: String,
    /// Content.
    pub content: Zeroizing<Vec<u8>>,
    /// Whether only the owner may read it.
    pub private: bool,
}

impl KeyFile {
    pub(super) fn public(stem: &str, extension: &str, content: &[u8]) -> Self {
        Self {
            name: format!("{stem}.{extension}"),
            content: Zeroizing::new(content.to_vec()),
            private: false,
        }
    }

    pub(super) fn private(stem: &str, extension: &str, content: &[u8]) -> Self {
        Self {
            private: true,
            ..Self::public(stem, extension, content)
        }
    }
}

/// Why keys could not be made.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// No usable common name.
    #[error(
        "creating keys: the common name {0:?} cannot be used; 1 to {1} characters without control characters are needed"
    )]
    CommonName(String, usize),
    /// Times that certificates cannot express.
    #[error(
        "creating keys: {days} days from {not_before} seconds after 1970 is no time that a certificate can hold; 1 day or more, up to the year 9999, is needed"
    )]
    Validity {
        /// Start, seconds since 1970.
        not_before: u64,
        /// Days.
        days: u32,
    },
    /// An empty passphrase protects nothing.
    #[error("creating keys: the passphrase is empty; give one, or say outright that there is none")]
    EmptyPassphrase,
    /// The cryptographic library gave no key.
    #[error("creating keys: {0} failed")]
    Crypto(&'static str),
    /// A certificate or key could not be encoded.
    #[error("creating keys: encoding failed")]
    Der(#[from] der::Error),
    /// A signature could not be assembled.
    #[error(transparent)]
    Pkcs7(#[from] pkcs7::Error),
    /// A signature could not be made.
    #[error(transparent)]
    Sign(#[from] SignError),
}

/// Makes the keys, in memory only.
pub fn create(options: &KeySetOptions<'_>) -> Result<KeySet, CreateError> {
    let (time, not_after) = check(options)?;
    let mut signers = Vec::new();
    let mut files = Vec::new();
    for (index, role) in ROLES.iter().enumerate() {
        let name = role.variable.name;
        let made = new_key::make(&NewKey {
            name,
            common_name: &format!("{} {name}", options.common_name),
            rsa_bits: options.rsa_bits,
            not_before: options.not_before,
            not_after,
            authority: role.authority,
            random: random_of(options.random, index),
            passphrase: options.passphrase,
        })?;
        files.extend(made.files);
        signers.push(made.signer);
    }
    files.extend(enrolment(&signers, options.owner, options.others, time)?);
    files.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(KeySet { files })
}

/// Signature lists and signed variables of all keys, which are those of [`ROLES`]; the owner's GUID. `time` is that
/// of the variables, and a later one.
pub(super) fn enrolment(
    signers: &[FileSigner],
    owner: Guid,
    others: &[SignatureList],
    time: (Timestamp, Timestamp),
) -> Result<Vec<KeyFile>, CreateError> {
    let mut files = Vec::new();
    for (own, role) in ROLES.iter().enumerate() {
        let above = ROLES.iter().position(|other| other.name() == role.above);
        let mut lists = vec![x509_list(owner, signers[own].certificate())];
        if role.variable == DB {
            lists.extend_from_slice(others);
        }
        let list = write(&lists);
        let auth = sign_variable(
            &role.variable,
            Change::Replace,
            &signers[above.unwrap_or(0)],
            time.0,
            &list,
        )?;
        files.push(KeyFile::public(role.name(), "esl", &list));
        files.push(KeyFile::public(role.name(), "auth", &auth));
    }
    // Firmware takes only a later time than that of the PK that it replaces.
    let empty = sign_variable(&PK, Change::Replace, &signers[0], time.1, &[])?;
    files.push(KeyFile::public("PK-empty", "auth", &empty));
    let owner = format!("{owner}\n");
    files.push(KeyFile::public("owner", "guid", owner.as_bytes()));
    Ok(files)
}

/// The part of the random bytes for one key.
fn random_of(all: &[u8; RANDOM_SIZE], index: usize) -> &[u8; KEY_RANDOM_SIZE] {
    let (parts, _) = all.as_chunks();
    &parts[index]
}

/// The time of signed variables, one second later, and the end of validity in seconds since 1970.
fn check(options: &KeySetOptions<'_>) -> Result<((Timestamp, Timestamp), u64), CreateError> {
    check_name(options.common_name, 60)?;
    if options.passphrase.is_some_and(<[u8]>::is_empty) {
        return Err(CreateError::EmptyPassphrase);
    }
    let (not_before, days) = (options.not_before, options.validity_days);
    let not_after = end_of_validity(not_before, days)?;
    Ok((times(not_before, days)?, not_after))
}

/// A time, seconds since 1970, and one second later, as signed variables have them.
pub(super) fn times(not_before: u64, days: u32) -> Result<(Timestamp, Timestamp), CreateError> {
    let times = || {
        let time = Timestamp::from_unix(not_before)?;
        Some((time, Timestamp::from_unix(not_before.checked_add(1)?)?))
    };
    times().ok_or(CreateError::Validity { not_before, days })
}

/// A common name of 1 to `most` characters, to which more is added.
pub(super) fn check_name(name: &str, most: usize) -> Result<(), CreateError> {
    let good = (1..=most).contains(&name.chars().count()) && !name.chars().any(char::is_control);
    match good {
        true => Ok(()),
        false => Err(CreateError::CommonName(name.to_owned(), most)),
    }
}

/// Seconds since 1970.
pub(super) fn end_of_validity(not_before: u64, days: u32) -> Result<u64, CreateError> {
    let end = not_before
        .checked_add(u64::from(days) * 86_400)
        .filter(|end| days > 0 && Timestamp::from_unix(*end).is_some());
    end.ok_or(CreateError::Validity { not_before, days })
}
