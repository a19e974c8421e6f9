//! What firmware and stub write into a TPM's platform configuration registers (PCRs) while a UKI
//! starts, computed before it does: SHA-256 bank.
//!
//! Specifications: TPM 2.0 Library, Part 1, section 17.2 (extending); TCG PC Client Platform Firmware
//! Profile 1.06, sections 3.3.4 (which PCR holds what) and 10.4 (what is hashed for an event); UAPI
//! Group, UKI, "PE Sections" and "TPM PCRs"; systemd-measure(1).
//!
//! [`program`] is PCR 4, [`secure_boot`] PCR 7, [`stub`] PCR 11; [`policy`] is what a signature of a state of that is over.

mod boot;
mod keys;
mod policy;
mod sections;
#[cfg(test)]
mod tests;

use std::fmt;

use sha2::{Digest, Sha256};

pub use boot::program;
pub use keys::{SecureBoot, secure_boot};
pub use policy::policy;
pub use sections::{MEASURED, PHASES, after, paths, phases, stub};

/// The value of a register.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Pcr([u8; 32]);

impl Pcr {
    /// As a TPM starts: all zeros.
    pub const START: Self = Self([0; 32]);

    /// Takes in a digest.
    pub fn extend(&mut self, digest: &[u8; 32]) {
        let hash = Sha256::new_with_prefix(self.0).chain_update(digest);
        self.0 = hash.finalize().into();
    }

    /// Takes in the SHA-256 of bytes.
    pub fn measure(&mut self, bytes: &[u8]) {
        self.extend(&Sha256::digest(bytes).into());
    }

    /// The value.
    pub fn value(&self) -> &[u8; 32] {
        &self.0
    }
}

/// Lower-case hex.
impl fmt::Display for Pcr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Pcr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What ends the firmware's own part of a register: `EV_SEPARATOR`, four zeros.
const SEPARATOR: [u8; 4] = [0; 4];
