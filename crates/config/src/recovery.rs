//! `[recovery]`: what sealboot's recovery system offers, and to whom.

use artifact::recovery::{PACKAGES, WITHOUT};
use contract::recovery::{Console, Networking};
use formats::ssh_public_key::PublicKey;
use serde::{Deserialize, Serialize};

use super::source::{Follow, Source};
use super::system::Mistake;

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
    /// `automatic`: DHCP and IPv6 on every wired interface; or `none`.
    pub network: Networking,
    /// What it is made of, lowest layer first: packages or an image with busybox as its init. What
    /// makes it sealboot's recovery is added.
    pub source: Vec<Source>,
}

impl Default for Recovery {
    fn default() -> Self {
        let names: Vec<&str> = PACKAGES.iter().map(|(name, _)| *name).collect();
        let packages = Source {
            without: super::strings(WITHOUT),
            ..Source::debian(&names, Follow::All)
        };
        Self {
            authorized_keys: Vec::new(),
            console: Console::Shell,
            network: Networking::Automatic,
            source: vec![packages],
        }
    }
}

impl Recovery {
    /// The first key with an impossible value, and what is wrong with it.
    pub(super) fn mistake(&self) -> Option<Mistake> {
        let keys = self.authorized_keys.iter().enumerate();
        let wrong = keys
            .filter_map(|(index, line)| Some((index, PublicKey::parse(line).err()?)))
            .map(|(index, error)| format!("entry {}: {error}", index + 1))
            .next();
        if let Some(what) = wrong {
            return Some(Mistake::new("recovery.authorized_keys", what));
        }
        let itself = self.source.iter().position(|source| source.recovery);
        itself.map(|index| {
            let what = format!("entry {} is the recovery itself", index + 1);
            Mistake::new("recovery.source", what)
        })
    }
}
