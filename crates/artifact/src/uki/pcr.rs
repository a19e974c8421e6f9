//! `.pcrsig`: which states of PCR 11 a key vouches for, so that a secret in a TPM opens for every UKI that the key's
//! owner made, and for no other (UAPI Group, UKI, "PE Sections"; systemd-measure(1)).

use std::convert::Infallible;
use std::fmt::Write;

use base64ct::{Base64, Encoding};
use formats::hex;
use formats::pcr::{Pcr, after, policy, stub};
use source::keys::{PcrKey, SignError};

/// What to sign, and with what.
#[derive(Clone, Copy)]
pub struct PcrSigner<'a> {
    /// The key.
    pub key: &'a PcrKey,
    /// How far the system has come in each state: names of phases joined by colons; the empty text is the moment in
    /// which the stub hands over.
    pub phases: &'a [String],
}

impl std::fmt::Debug for PcrSigner<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PcrSigner")
            .field("phases", &self.phases)
            .finish_non_exhaustive()
    }
}

/// PCR 11 when the stub hands over, by the digests of the sections.
pub(super) fn state(sections: &[(&str, [u8; 32])]) -> Pcr {
    let digest = |name: &str| {
        let found = sections.iter().find(|(own, _)| *own == name);
        Ok::<_, Infallible>(found.map(|(_, digest)| *digest))
    };
    let Ok(pcr) = stub(digest);
    pcr
}

/// The content of `.pcrsig`, JSON as systemd-measure writes it.
pub fn signatures(state: Pcr, signer: &PcrSigner<'_>) -> Result<String, SignError> {
    let fingerprint = hex(&signer.key.fingerprint());
    let mut out = String::from("{\"sha256\":[");
    for (index, phase) in signer.phases.iter().enumerate() {
        let policy = policy(&after(state, phase));
        let signature = Base64::encode_string(&signer.key.sign(&policy)?);
        let comma = if index == 0 { "" } else { "," };
        // Writing to a text cannot fail.
        let _ = write!(
            out,
            "{comma}{{\"pcrs\":[11],\"pkfp\":\"{fingerprint}\",\"pol\":\"{}\",\"sig\":\"{signature}\"}}",
            hex(&policy)
        );
    }
    out.push_str("]}\n");
    Ok(out)
}
