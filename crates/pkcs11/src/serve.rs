//! Signing: one digest, or as many as come.

use crate::channel::Channel;
use crate::failure::{Code, Failure};
use crate::key::{self, Key};
use crate::login::{self, Login};
use crate::module::Module;
use crate::token::{self, Token};
use crate::uri::Uri;

/// A key that is ready to sign.
struct Ready {
    token: Token,
    login: Login,
    key: Key,
}

impl Ready {
    fn get(module: &Module, uri: &Uri) -> Result<Self, Failure> {
        let token = token::one(module, uri)?;
        let login = login::log_in(module, &token, uri)?;
        let key = key::one(&login.session, &token, uri)?;
        Ok(Self { token, login, key })
    }
}

/// One digest in, one signature out.
pub(crate) fn one(module: &Module, uri: &Uri, channel: &mut Channel) -> Result<(), Failure> {
    // Nobody types a PIN for nothing.
    let digest = channel.only_digest()?;
    let ready = Ready::get(module, uri)?;
    let signature = ready.key.sign(&ready.login, &ready.token, &digest)?;
    channel.give(&signature)
}

/// The modulus, and then a signature for each digest, until the input ends.
pub(crate) fn many(module: &Module, uri: &Uri, channel: &mut Channel) -> Result<(), Failure> {
    let ready = Ready::get(module, uri)?;
    let modulus = &ready.key.modulus;
    let length = u16::try_from(modulus.len())
        .ok()
        .filter(|length| *length > 0);
    let length = length.ok_or_else(|| {
        let what = format!(
            "the key of {} has no modulus: {}",
            ready.token.name(),
            ready.key.described()
        );
        Failure::new(Code::Key, what)
    })?;
    channel.give(&[&length.to_be_bytes()[..], modulus].concat())?;
    while let Some(digest) = channel.digest()? {
        let signature = ready.key.sign(&ready.login, &ready.token, &digest)?;
        channel.give(&signature)?;
    }
    Ok(())
}
