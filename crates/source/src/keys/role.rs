//! The three keys, and which of them signs what.

use formats::efivars::{DB, KEK, PK, Variable};

/// One of the three keys.
#[derive(Debug, PartialEq, Eq)]
pub struct Role {
    /// Where its certificate is enrolled.
    pub variable: Variable,
    /// Name of the key that signs changes of that.
    pub above: &'static str,
    /// Whether its certificate is an authority.
    pub authority: bool,
}

/// From the root of it all downwards.
pub const ROLES: [Role; 3] = [
    role(PK, "PK", true),
    role(KEK, "PK", true),
    role(DB, "KEK", false),
];

const fn role(variable: Variable, above: &'static str, authority: bool) -> Role {
    Role {
        variable,
        above,
        authority,
    }
}

impl Role {
    /// The one of that name: `PK`, `KEK` or `db`.
    pub fn named(name: &str) -> Option<&'static Self> {
        ROLES.iter().find(|role| role.name() == name)
    }

    /// Its name, and that of its variable and files.
    pub fn name(&self) -> &'static str {
        self.variable.name
    }

    /// Whether the firmware holds one of them only: there is no time in which an old and a new one count.
    pub fn is_single(&self) -> bool {
        self.variable == PK
    }
}
