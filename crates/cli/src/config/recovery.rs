//! `[recovery]`: what sealboot's recovery system offers, and to whom.

use artifact::recovery::PACKAGES;
use contract::recovery::Console;
use formats::ssh_public_key::PublicKey;
use serde::{Deserialize, Serialize};

/// `[recovery]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Recovery {
    /// Who may log in over SSH: lines as in `~/.ssh/id_ed25519.pub`. Without any, no SSH server
    /// starts. Nobody logs in with a password.
    pub authorized_keys: Vec<String>,
    /// What is on screen and serial consoles: `shell`, root's, for whoever is at the machine; or
    /// `none`.
    pub console: Console,
    /// Debian packages that it is made of.
    pub packages: Vec<String>,
}

impl Default for Recovery {
    fn default() -> Self {
        let packages = PACKAGES.iter().map(|(name, _)| (*name).to_owned());
        Self {
            authorized_keys: Vec::new(),
            console: Console::Shell,
            packages: packages.collect(),
        }
    }
}

impl Recovery {
    /// What is wrong with the first key that is none.
    pub(super) fn wrong_key(&self) -> Option<String> {
        let keys = self.authorized_keys.iter().enumerate();
        keys.filter_map(|(index, line)| Some((index, PublicKey::parse(line).err()?)))
            .map(|(index, error)| format!("entry {}: {error}", index + 1))
            .next()
    }
}
