//! Logging in: one try with one PIN, never a second.

use std::io::Write;

use cryptoki::error::{Error, RvError};
use cryptoki::session::{Session, UserType};
use cryptoki::slot::TokenInfo;
use cryptoki::types::RawAuthPin;

use crate::failure::{Code, Failure, said};
use crate::module::Module;
use crate::pin;
use crate::token::Token;
use crate::uri::Uri;

/// A session with a token, logged in where the token wants that.
pub(crate) struct Login {
    pub(crate) session: Session,
    /// Kept for keys that want it again at each signature. `None` where it is typed on the token itself.
    pub(crate) pin: Option<RawAuthPin>,
}

/// How many tries are left, as far as a token tells (PKCS#11 3.1, section 3.2, CK_TOKEN_INFO).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tries {
    Locked,
    Last,
    Few,
    Unknown,
}

impl Tries {
    fn of(info: &TokenInfo) -> Self {
        let flags = [
            info.user_pin_locked(),
            info.user_pin_final_try(),
            info.user_pin_count_low(),
        ];
        Self::told(flags)
    }

    /// By the flags LOCKED, FINAL_TRY and COUNT_LOW.
    fn told([locked, last, low]: [bool; 3]) -> Self {
        match (locked, last, low) {
            (true, ..) => Self::Locked,
            (_, true, _) => Self::Last,
            (.., true) => Self::Few,
            _ => Self::Unknown,
        }
    }

    /// After a wrong PIN.
    fn after(self) -> &'static str {
        match self {
            Self::Locked => "the PIN is locked now; the security officer's PIN (PUK) unlocks it",
            Self::Last => "ONE try is left; after another wrong PIN it is locked",
            Self::Few => "the token counts wrong PINs, and will lock after some more",
            Self::Unknown => "the token does not tell how many tries are left",
        }
    }
}

fn failure(what: String) -> Failure {
    Failure::new(Code::Pin, what)
}

/// Opens a session.
pub(crate) fn open(module: &Module, token: &Token) -> Result<Session, Failure> {
    let session = module.api.open_ro_session(token.slot);
    session.map_err(|error| Failure::of_module(&format!("opening {}", token.name()), &error))
}

/// Opens a session and logs in.
pub(crate) fn log_in(module: &Module, token: &Token, uri: &Uri) -> Result<Login, Failure> {
    let session = open(module, token)?;
    let name = token.name();
    if !token.info.login_required() {
        return Ok(Login { session, pin: None });
    }
    if !token.info.user_pin_initialized() && !token.info.protected_authentication_path() {
        return Err(failure(format!(
            "{name} has no PIN yet; its maker's tool sets one"
        )));
    }
    let pin = pin(token, uri)?;
    let tried = match &pin {
        Some(pin) => session.login_with_raw(UserType::User, pin),
        None => {
            on_the_token(&name);
            session.login(UserType::User, None)
        }
    };
    match tried {
        Ok(()) | Err(Error::Pkcs11(RvError::UserAlreadyLoggedIn, _)) => Ok(Login { session, pin }),
        Err(error) => Err(refused(module, token, &error)),
    }
}

/// Tells the person at a token with a keypad of its own to use it.
pub(crate) fn on_the_token(name: &str) {
    // Without standard error the keypad still works.
    let _ = writeln!(
        std::io::stderr(),
        "Type the PIN of {name} on its own keypad."
    );
}

/// The PIN, unless it is typed on the token. Nothing is asked for that would not be tried.
fn pin(token: &Token, uri: &Uri) -> Result<Option<RawAuthPin>, Failure> {
    let name = token.name();
    let tries = Tries::of(&token.info);
    if tries == Tries::Locked {
        return Err(failure(format!(
            "the PIN of {name} is locked after too many wrong ones; nothing was tried. The security officer's \
             PIN (PUK) unlocks it"
        )));
    }
    match &uri.pin_source {
        Some(path) if tries == Tries::Last => Err(failure(format!(
            "{name} has ONE try left, and a PIN that may be the wrong one is not tried from a file: {} was \
             not read. Without pin-source it can be typed",
            path.display()
        ))),
        Some(path) => pin::of_file(path).map(Some),
        None if token.info.protected_authentication_path() => Ok(None),
        None => {
            let warning = match tries {
                Tries::Last => " (the LAST try; then it is locked)",
                Tries::Few => " (a wrong one was given before)",
                _ => "",
            };
            pin::asked(&format!("PIN of {name}{warning}: ")).map(Some)
        }
    }
}

/// What a token said to a PIN.
fn refused(module: &Module, token: &Token, error: &Error) -> Failure {
    let name = token.name();
    let Error::Pkcs11(value, _) = error else {
        return Failure::of_module(&format!("logging in to {name}"), error);
    };
    failure(match value {
        RvError::PinIncorrect | RvError::PinInvalid | RvError::PinLenRange => {
            // It counted: what it tells now is newer.
            let now = module.api.get_token_info(token.slot);
            let tries = now.map_or(Tries::Unknown, |info| Tries::of(&info));
            format!("{name} refuses this PIN; {}", tries.after())
        }
        RvError::PinLocked => format!("{name}: {}", Tries::Locked.after()),
        RvError::PinExpired => {
            format!("the PIN of {name} has expired; its maker's tool changes it")
        }
        RvError::UserPinNotInitialized => {
            format!("{name} has no PIN yet; its maker's tool sets one")
        }
        RvError::FunctionCanceled => format!("no PIN was typed on {name}"),
        _ => return Failure::of_module(&format!("logging in to {name}: {}", said(error)), error),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_flag_counts() {
        let cases = [
            ([false, false, false], Tries::Unknown),
            ([false, false, true], Tries::Few),
            ([false, true, false], Tries::Last),
            ([false, true, true], Tries::Last),
            ([true, false, false], Tries::Locked),
            ([true, true, true], Tries::Locked),
        ];
        for (flags, expected) in cases {
            assert_eq!(Tries::told(flags), expected, "{flags:?}");
        }
    }
}
