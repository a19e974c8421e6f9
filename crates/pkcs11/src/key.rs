//! The key: found by label and id, and signing with it.

use cryptoki::error::{Error, RvError};
use cryptoki::mechanism::Mechanism;
use cryptoki::object::{Attribute, AttributeType, KeyType, ObjectClass, ObjectHandle};
use cryptoki::session::{Session, UserType};

use crate::channel::DIGEST;
use crate::failure::{Code, Failure, said};
use crate::login::{Login, on_the_token};
use crate::token::Token;
use crate::uri::{Uri, attribute};

/// What PKCS#1 v1.5 puts in front of a SHA-256 digest: the DER of a DigestInfo up to it (RFC 8017, section
/// 9.2, note 1). CKM_RSA_PKCS adds the padding, nothing else.
const DIGEST_INFO: [u8; 19] = [
    0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05,
    0x00, 0x04, 0x20,
];

/// A private key in a token.
pub(crate) struct Key {
    handle: ObjectHandle,
    label: Vec<u8>,
    id: Vec<u8>,
    /// `None` of a kind that is not known here.
    kind: Option<KeyType>,
    signs: bool,
    /// It wants the PIN before each signature (CKA_ALWAYS_AUTHENTICATE).
    always: bool,
    pub(crate) modulus: Vec<u8>,
}

impl Key {
    pub(crate) fn is_rsa(&self) -> bool {
        self.kind == Some(KeyType::RSA)
    }

    pub(crate) fn signs(&self) -> bool {
        self.signs
    }

    /// What tells it from the token's others, as part of a URI's path.
    pub(crate) fn path(&self) -> String {
        let (object, id) = (attribute("object", &self.label), attribute("id", &self.id));
        format!("{object};{id};type=private")
    }

    /// What it is, in one line.
    pub(crate) fn described(&self) -> String {
        let id: String = self.id.iter().map(|byte| format!("{byte:02x}")).collect();
        let label = String::from_utf8_lossy(&self.label).into_owned();
        let kind = match self.is_rsa() {
            true => format!("RSA of {} bits", self.modulus.len() * 8),
            false => self
                .kind
                .map_or("of another kind".to_owned(), |kind| kind.to_string()),
        };
        let signs = if self.signs { "" } else { ", does not sign" };
        format!("{label:?}, id {id}, {kind}{signs}")
    }
}

/// The private keys that fit, as far as this session may see them.
pub(crate) fn all(session: &Session, uri: &Uri) -> Result<Vec<Key>, Failure> {
    let mut template = vec![Attribute::Class(ObjectClass::PRIVATE_KEY)];
    template.extend(
        uri.object
            .as_ref()
            .map(|label| Attribute::Label(label.clone().into())),
    );
    template.extend(uri.id.clone().map(Attribute::Id));
    let looking = |error| Failure::of_module("looking for keys", &error);
    let handles = session.find_objects(&template).map_err(looking)?;
    let keys = handles
        .into_iter()
        .map(|handle| read(session, handle).map_err(looking));
    keys.collect()
}

fn read(session: &Session, handle: ObjectHandle) -> Result<Key, Error> {
    let mut key = Key {
        handle,
        label: Vec::new(),
        id: Vec::new(),
        kind: None,
        signs: false,
        always: false,
        modulus: Vec::new(),
    };
    let common = [
        AttributeType::Label,
        AttributeType::Id,
        AttributeType::Sign,
        AttributeType::AlwaysAuthenticate,
    ];
    for value in session.get_attributes(handle, &common)? {
        match value {
            Attribute::Label(label) => key.label = label,
            Attribute::Id(id) => key.id = id,
            Attribute::Sign(signs) => key.signs = signs,
            Attribute::AlwaysAuthenticate(always) => key.always = always,
            _ => {}
        }
    }
    // Of its own: a kind that has no name here is an error.
    let kind = session.get_attributes(handle, &[AttributeType::KeyType]);
    key.kind = kind.ok().and_then(|values| match values.first() {
        Some(Attribute::KeyType(kind)) => Some(*kind),
        _ => None,
    });
    if key.is_rsa() {
        let values = session.get_attributes(handle, &[AttributeType::Modulus])?;
        if let Some(Attribute::Modulus(modulus)) = values.into_iter().next() {
            let zeros = modulus.iter().take_while(|byte| **byte == 0).count();
            key.modulus = modulus.into_iter().skip(zeros).collect();
        }
    }
    Ok(key)
}

/// The one key that can be meant.
pub(crate) fn one(session: &Session, token: &Token, uri: &Uri) -> Result<Key, Failure> {
    let (name, keys) = (token.name(), all(session, uri)?);
    let wrong = |what: String| Failure::new(Code::Key, what);
    let list = |keys: &[Key]| -> String {
        let lines = keys
            .iter()
            .map(|key| format!("\n  {}: {}", key.path(), key.described()));
        lines.collect()
    };
    let (mut rsa, others): (Vec<Key>, Vec<Key>) = keys.into_iter().partition(Key::is_rsa);
    if rsa.len() > 1 {
        return Err(wrong(format!(
            "several keys of {name} fit the URI; name one of{}",
            list(&rsa)
        )));
    }
    let Some(key) = rsa.pop() else {
        if !others.is_empty() {
            return Err(wrong(format!(
                "the key of {name} is not RSA, and firmware takes nothing else:{}",
                list(&others)
            )));
        }
        let everything = all(session, &Uri::default())?;
        return Err(wrong(match everything.is_empty() {
            true => format!("{name} has no private key"),
            false => format!(
                "no private key of {name} fits the URI; there are{}",
                list(&everything)
            ),
        }));
    };
    if !key.signs {
        return Err(wrong(format!(
            "the key of {name} may not sign (CKA_SIGN is off): {}",
            key.described()
        )));
    }
    Ok(key)
}

impl Key {
    /// The signature over a digest, as long as the modulus.
    pub(crate) fn sign(
        &self,
        login: &Login,
        token: &Token,
        digest: &[u8; DIGEST],
    ) -> Result<Vec<u8>, Failure> {
        let info = [&DIGEST_INFO[..], digest].concat();
        let signed = match self.always {
            false => login.session.sign(&Mechanism::RsaPkcs, self.handle, &info),
            true => self.sign_asked_again(login, token, &info),
        };
        let signature = signed.map_err(|error| self.cannot(token, &error))?;
        if signature.len() != self.modulus.len() {
            let what = format!(
                "{} gave {} bytes for a signature; a key of {} bits has {}",
                token.name(),
                signature.len(),
                self.modulus.len() * 8,
                self.modulus.len()
            );
            return Err(Failure::new(Code::Key, what));
        }
        Ok(signature)
    }

    /// The PIN, which was right before, between the start and the end of a signature (PKCS#11 3.1, section
    /// 5.6.8, CKU_CONTEXT_SPECIFIC).
    fn sign_asked_again(
        &self,
        login: &Login,
        token: &Token,
        info: &[u8],
    ) -> Result<Vec<u8>, Error> {
        let session = &login.session;
        session.sign_init(&Mechanism::RsaPkcs, self.handle)?;
        match &login.pin {
            Some(pin) => session.login_with_raw(UserType::ContextSpecific, pin)?,
            None => {
                on_the_token(&token.name());
                session.login(UserType::ContextSpecific, None)?;
            }
        }
        session.sign_update(info)?;
        session.sign_final()
    }

    fn cannot(&self, token: &Token, error: &Error) -> Failure {
        let (name, key) = (token.name(), self.described());
        let why = match error {
            Error::Pkcs11(RvError::MechanismInvalid, _) => {
                "the token has no CKM_RSA_PKCS, which signs a digest that was made elsewhere"
                    .to_owned()
            }
            Error::Pkcs11(RvError::KeyFunctionNotPermitted, _) => "it may not sign".to_owned(),
            error if self.always => format!(
                "it wants the PIN at each signature (CKA_ALWAYS_AUTHENTICATE), and then the module says: {}",
                said(error)
            ),
            error => {
                let doing = format!("signing with a key of {name} ({key})");
                return Failure::of_module(&doing, error);
            }
        };
        Failure::new(
            Code::Key,
            format!("the key of {name} ({key}) does not sign: {why}"),
        )
    }
}
