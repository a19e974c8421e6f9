//! One new key: its private key, its certificate, and the files of both.

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::KeyPair as _;
use pkcs8::pkcs5::{pbes2, scrypt};
use pkcs8::{LineEnding, PrivateKeyInfoRef, SecretDocument};
use zeroize::Zeroizing;

use super::certificate::{self, Contents};
use super::file_signer::{FileSigner, rsa_sign};
use super::{CreateError, KeyFile};

/// Random bytes of one key: 16 of a serial number, 16 of a salt and 16 of an initialisation vector.
pub const KEY_RANDOM_SIZE: usize = 3 * 16;

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

/// What [`make`] is to make.
pub(super) struct NewKey<'a> {
    /// `PK`, `KEK` or `db`: first part of its files' names.
    pub(super) name: &'a str,
    /// Common name in the certificate.
    pub(super) common_name: &'a str,
    pub(super) rsa_bits: RsaBits,
    /// Seconds since 1970.
    pub(super) not_before: u64,
    /// Seconds since 1970.
    pub(super) not_after: u64,
    pub(super) authority: bool,
    /// Fresh; never use the same twice.
    pub(super) random: &'a [u8; KEY_RANDOM_SIZE],
    /// Encrypts the private key.
    pub(super) passphrase: Option<&'a [u8]>,
}

/// A key that signs, and the files that are to be kept of it.
pub(super) struct MadeKey {
    pub(super) signer: FileSigner,
    /// `.key`, `.crt`, `.cer`.
    pub(super) files: Vec<KeyFile>,
}

/// Makes a key, in memory only.
pub(super) fn make(options: &NewKey<'_>) -> Result<MadeKey, CreateError> {
    let name = options.name;
    let ([serial, salt, iv], []) = options.random.as_chunks::<16>() else {
        return Err(CreateError::Crypto("taking random bytes"));
    };
    let key = generate(options.rsa_bits)?;
    let public_key = public_key(&key)?;
    let certificate = self_sign(
        &key,
        &Contents {
            common_name: options.common_name,
            serial: *serial,
            not_before: options.not_before,
            not_after: options.not_after,
            public_key: &public_key,
            authority: options.authority,
        },
    )?;
    let private = private_pem(&key, options.passphrase, *salt, *iv)?;
    let mut files = vec![KeyFile::private(name, "key", private.as_bytes())];
    files.extend(certificate_files(name, &certificate)?);
    let signer = FileSigner::new(key, certificate, format!("the new {name} key"));
    Ok(MadeKey { signer, files })
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

/// A certificate, DER, as the files `.crt` (PEM) and `.cer`.
pub(super) fn certificate_files(
    name: &str,
    certificate: &[u8],
) -> Result<[KeyFile; 2], CreateError> {
    let pem = der::pem::encode_string("CERTIFICATE", LineEnding::LF, certificate)
        .map_err(|error| CreateError::Der(error.into()))?;
    Ok([
        KeyFile::public(name, "crt", pem.as_bytes()),
        KeyFile::public(name, "cer", certificate),
    ])
}
