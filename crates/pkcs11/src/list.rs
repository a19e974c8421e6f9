//! `--list`: what there is, with the URIs to use.

use crate::channel::Channel;
use crate::failure::{Code, Failure};
use crate::key::{self, Key};
use crate::login;
use crate::module::Module;
use crate::token::{self, Token};
use crate::uri::Uri;

/// Every token that fits. Keys show themselves after a PIN only, and a PIN is one token's: they are listed
/// where there is one.
pub(crate) fn tokens(module: &Module, uri: &Uri, channel: &mut Channel) -> Result<(), Failure> {
    let (others, fitting) = token::all(module, uri)?;
    let query = module.query(uri);
    for token in &fitting {
        channel.say(&line(&token.described(), &token.path(), &query))?;
    }
    match fitting.as_slice() {
        [token] => keys(module, token, uri, channel),
        [] => {
            let (path, count) = (module.path.display(), others.len());
            let what = format!("no token of {path} fits the URI; it has {count} others");
            Err(Failure::new(Code::Token, what))
        }
        _ => channel.say("\nName one of them to see its keys.\n"),
    }
}

fn keys(module: &Module, token: &Token, uri: &Uri, channel: &mut Channel) -> Result<(), Failure> {
    let login = login::log_in(module, token, uri)?;
    let keys = key::all(&login.session, uri)?;
    let usable: Vec<&Key> = keys
        .iter()
        .filter(|key| key.is_rsa() && key.signs())
        .collect();
    for key in &usable {
        let path = format!("{};{}", token.path(), key.path());
        let text = line(
            &format!("key {}", key.described()),
            &path,
            &module.query(uri),
        );
        channel.say(&text)?;
    }
    match usable.is_empty() {
        true => channel.say("no private RSA key of it fits and can sign\n"),
        false => Ok(()),
    }
}

fn line(what: &str, path: &str, query: &str) -> String {
    format!("{what}\n  pkcs11:{path}?{query}\n")
}
