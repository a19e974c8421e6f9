//! The tokens that are there, and the one that is meant.

use cryptoki::slot::{Slot, TokenInfo};

use crate::failure::{Code, Failure};
use crate::module::Module;
use crate::uri::{Uri, attribute};

/// A token in its slot.
pub(crate) struct Token {
    pub(crate) slot: Slot,
    pub(crate) info: TokenInfo,
}

impl Token {
    /// Its label as a person reads it.
    pub(crate) fn name(&self) -> String {
        format!("the token {:?}", self.info.label())
    }

    /// What tells it from every other, as the path of a URI without its scheme.
    pub(crate) fn path(&self) -> String {
        let token = attribute("token", self.info.label().as_bytes());
        let serial = attribute("serial", self.info.serial_number().as_bytes());
        format!("{token};{serial}")
    }

    /// What it is, in one line.
    pub(crate) fn described(&self) -> String {
        format!(
            "{:?}: {} {}, serial {}, slot {}",
            self.info.label(),
            shown(self.info.manufacturer_id()),
            shown(self.info.model()),
            shown(self.info.serial_number()),
            self.slot.id()
        )
    }

    fn fits(&self, uri: &Uri) -> bool {
        let same =
            |asked: &Option<String>, is: &str| asked.as_ref().is_none_or(|asked| asked == is);
        same(&uri.token, self.info.label())
            && same(&uri.manufacturer, self.info.manufacturer_id())
            && same(&uri.model, self.info.model())
            && same(&uri.serial, self.info.serial_number())
            && uri.slot.is_none_or(|slot| slot == self.slot.id())
    }
}

/// Text of a token without what would move a terminal's cursor.
fn shown(text: &str) -> String {
    text.escape_debug().to_string()
}

/// Every token that the module knows, and those of them that fit.
pub(crate) fn all(module: &Module, uri: &Uri) -> Result<(Vec<Token>, Vec<Token>), Failure> {
    let slots = module.api.get_slots_with_token();
    let slots = slots.map_err(|error| Failure::of_module("looking for tokens", &error))?;
    let mut tokens = Vec::new();
    for slot in slots {
        match module.api.get_token_info(slot) {
            Ok(info) if info.token_initialized() => tokens.push(Token { slot, info }),
            // Not set up yet, or just pulled out.
            _ => {}
        }
    }
    Ok(tokens.into_iter().partition(|token| !token.fits(uri)))
}

/// The one token that fits.
pub(crate) fn one(module: &Module, uri: &Uri) -> Result<Token, Failure> {
    let (others, mut fitting) = all(module, uri)?;
    let token = match fitting.len() {
        1 => fitting.pop(),
        _ => None,
    };
    token.ok_or_else(|| {
        let path = module.path.display();
        let list = |tokens: &[Token]| -> String {
            let lines = tokens
                .iter()
                .map(|token| format!("\n  pkcs11:{}", token.path()));
            lines.collect()
        };
        let what = match (fitting.len(), others.len()) {
            (0, 0) => format!("{path} has no token; is it plugged in and set up?"),
            (0, _) => format!(
                "no token of {path} fits the URI; there are{}",
                list(&others)
            ),
            _ => format!(
                "several tokens of {path} fit the URI; name one of{}",
                list(&fitting)
            ),
        };
        Failure::new(Code::Token, what)
    })
}
