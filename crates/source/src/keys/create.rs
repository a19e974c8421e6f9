//! New keys: PK, KEK and db, their certificates, and the signed variables that enrol them.

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::KeyPair as _;
use formats::efi_signature_list::{Timestamp, assemble, to_be_signed, write, x509_list};
use formats::efivars::{DB, KEK, PK, Variable};
use formats::pkcs7;
use pkcs8::pkcs5::{pbes2, scrypt};
use pkcs8::{LineEnding, PrivateKeyInfoRef, SecretDocument};
use uguid::Guid;
use zeroize::Zeroizing;

use super::certificate::{self, Contents};
use super::file_signer::{FileSigner, rsa_sign};
use super::{SignError, Signer};

/// Random bytes that [`create`] needs: for each key 16 of a serial number, 16 of a salt and 16 of
/// an initialisation vector.
pub const RANDOM_SIZE: usize = 3 * 3 * 16;

/// Size of the RSA keys, in bits. 2048 is what every firmware takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RsaBits {
    /// 2048.
    #[default]
    Rsa2048,
    /// 3072.
    Rsa3072,
    /// 4096.
    Rsa4096,
}

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

/// Why keys could not be made.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// No usable common name.
    #[error(
        "creating keys: the common name {0:?} cannot be used; 1 to 60 characters without control characters are needed"
    )]
    CommonName(String),
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

/// The three keys: variable, which of them signs its change (index into this table), and whether
/// its certificate is an authority.
const ROLES: [(Variable, usize, bool); 3] = [(PK, 0, true), (KEK, 0, true), (DB, 1, false)];

/// Makes the keys, in memory only.
pub fn create(options: &KeySetOptions<'_>) -> Result<KeySet, CreateError> {
    let (time, not_after) = check(options)?;
    let mut signers = Vec::new();
    let mut files = Vec::new();
    for (index, (variable, _, authority)) in ROLES.into_iter().enumerate() {
        let name = variable.name;
        let random = |n: usize| {
            let start = (index * 3 + n) * 16;
            let mut bytes = [0; 16];
            bytes.copy_from_slice(&options.random[start..start + 16]);
            bytes
        };
        let key = generate(options.rsa_bits)?;
        let public_key = public_key(&key)?;
        let certificate = self_sign(
            &key,
            &Contents {
                common_name: &format!("{} {name}", options.common_name),
                serial: random(0),
                not_before: options.not_before,
                not_after,
                public_key: &public_key,
                authority,
            },
        )?;
        let pem = private_pem(&key, options.passphrase, random(1), random(2))?;
        files.push(file(name, "key", pem.as_bytes(), true));
        files.push(file(
            name,
            "crt",
            certificate_pem(&certificate)?.as_bytes(),
            false,
        ));
        files.push(file(name, "cer", &certificate, false));
        signers.push(FileSigner::new(
            key,
            certificate,
            format!("the new {name} key"),
        ));
    }
    for (variable, by, _) in ROLES {
        let own = ROLES
            .iter()
            .position(|role| role.0 == variable)
            .unwrap_or(0);
        let list = write(&[x509_list(options.owner, signers[own].certificate())]);
        let auth = sign_variable(&variable, &signers[by], time.0, &list)?;
        files.push(file(variable.name, "esl", &list, false));
        files.push(file(variable.name, "auth", &auth, false));
    }
    // Firmware takes only a later time than that of the PK that it replaces.
    let empty = sign_variable(&PK, &signers[0], time.1, &[])?;
    files.push(file("PK-empty", "auth", &empty, false));
    let owner = format!("{}\n", options.owner);
    files.push(file("owner", "guid", owner.as_bytes(), false));
    files.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(KeySet { files })
}

/// The time of signed variables, one second later, and the end of validity in seconds since 1970.
fn check(options: &KeySetOptions<'_>) -> Result<((Timestamp, Timestamp), u64), CreateError> {
    let name = options.common_name;
    if !(1..=60).contains(&name.chars().count()) || name.chars().any(char::is_control) {
        return Err(CreateError::CommonName(name.to_owned()));
    }
    if options.passphrase.is_some_and(<[u8]>::is_empty) {
        return Err(CreateError::EmptyPassphrase);
    }
    let not_before = options.not_before;
    let days = options.validity_days;
    let times = || {
        let not_after = not_before.checked_add(u64::from(days) * 86_400)?;
        Timestamp::from_unix(not_after)?;
        let time = Timestamp::from_unix(not_before)?;
        let later = Timestamp::from_unix(not_before + 1)?;
        (days > 0).then_some(((time, later), not_after))
    };
    times().ok_or(CreateError::Validity { not_before, days })
}

fn generate(bits: RsaBits) -> Result<KeyPair, CreateError> {
    let size = match bits {
        RsaBits::Rsa2048 => KeySize::Rsa2048,
        RsaBits::Rsa3072 => KeySize::Rsa3072,
        RsaBits::Rsa4096 => KeySize::Rsa4096,
    };
    KeyPair::generate(size).map_err(|_| CreateError::Crypto("generating an RSA key"))
}

fn public_key(key: &KeyPair) -> Result<Vec<u8>, CreateError> {
    let der: Result<PublicKeyX509Der<'_>, _> = key.public_key().as_der();
    let der = der.map_err(|_| CreateError::Crypto("encoding a public key"))?;
    Ok(der.as_ref().to_vec())
}

fn self_sign(key: &KeyPair, contents: &Contents<'_>) -> Result<Vec<u8>, CreateError> {
    let to_be_signed = certificate::to_be_signed(contents)?;
    let signature =
        rsa_sign(key, &to_be_signed).map_err(|()| CreateError::Crypto("signing a certificate"))?;
    let certificate = certificate::assemble(&to_be_signed, &signature)?;
    super::verify(&certificate, &to_be_signed, &signature)
        .map_err(|_| CreateError::Crypto("verifying a new certificate"))?;
    Ok(certificate)
}

/// An `.auth` file for `variable`, signed by `signer`.
fn sign_variable(
    variable: &Variable,
    signer: &FileSigner,
    time: Timestamp,
    data: &[u8],
) -> Result<Vec<u8>, CreateError> {
    let Variable {
        name,
        vendor,
        attributes,
    } = *variable;
    let signature = signer.sign(&to_be_signed(name, vendor, attributes, time, data))?;
    let signed_data = pkcs7::assemble_bare(signer.certificate(), &signature)?;
    Ok(assemble(time, &signed_data, data))
}

/// PKCS#8, PEM; encrypted (PBES2: scrypt, AES-256-CBC) when there is a passphrase.
fn private_pem(
    key: &KeyPair,
    passphrase: Option<&[u8]>,
    salt: [u8; 16],
    iv: [u8; 16],
) -> Result<Zeroizing<String>, CreateError> {
    let der: Pkcs8V1Der<'_> = key
        .as_der()
        .map_err(|_| CreateError::Crypto("encoding a private key"))?;
    let Some(passphrase) = passphrase else {
        let document = SecretDocument::try_from(der.as_ref())?;
        return Ok(document.to_pem("PRIVATE KEY", LineEnding::LF)?);
    };
    let failed = CreateError::Crypto("encrypting a private key");
    let encrypt = || {
        // log2 of N, r and p: 16 MiB of memory, the most that openssl takes without being told.
        let cost = scrypt::Params::new(14, 8, 1).ok()?;
        let parameters = pbes2::Parameters::generate_scrypt_aes256cbc(cost, &salt, iv).ok()?;
        let key = PrivateKeyInfoRef::try_from(der.as_ref()).ok()?;
        key.encrypt_with_params(parameters, passphrase).ok()
    };
    let document = encrypt().ok_or(failed)?;
    Ok(document.to_pem("ENCRYPTED PRIVATE KEY", LineEnding::LF)?)
}

fn certificate_pem(certificate: &[u8]) -> Result<String, CreateError> {
    der::pem::encode_string("CERTIFICATE", LineEnding::LF, certificate)
        .map_err(|error| CreateError::Der(error.into()))
}

fn file(stem: &str, extension: &str, content: &[u8], private: bool) -> KeyFile {
    KeyFile {
        name: format!("{stem}.{extension}"),
        content: Zeroizing::new(content.to_vec()),
        private,
    }
}
