//! What a secret in a TPM is bound to: any state of PCR 11 that a key signed.

use sha2::{Digest, Sha256};

use super::Pcr;

/// `TPM_CC_PolicyPCR` (TPM 2.0 Library, Part 2, section 6.5.2).
const POLICY_PCR: u32 = 0x0000_017f;

/// `TPM_ALG_SHA256` (Part 2, section 6.3).
const SHA256: u16 = 0x000b;

/// PCR 11 in a bit map of 24 registers (Part 2, section 10.6.1).
const PCR_11: [u8; 3] = [0, 1 << 3, 0];

/// The digest of a policy that asks for this value of PCR 11 and nothing else (TPM2_PolicyPCR: TPM 2.0 Library,
/// Part 3, section 23.7).
pub fn policy(pcr11: &Pcr) -> [u8; 32] {
    Sha256::new()
        // A new policy.
        .chain_update([0; 32])
        .chain_update(POLICY_PCR.to_be_bytes())
        // TPML_PCR_SELECTION: one bank, of it so many bytes of a bit map.
        .chain_update(1_u32.to_be_bytes())
        .chain_update(SHA256.to_be_bytes())
        .chain_update([PCR_11.len() as u8])
        .chain_update(PCR_11)
        .chain_update(Sha256::digest(pcr11.value()))
        .finalize()
        .into()
}
