//! Certificate authorities of others that an owner may want in db, known by their published fingerprints.

use uguid::{Guid, guid};

use crate::fetch::Digest;

/// Who Microsoft says that it is in signature lists.
pub const MICROSOFT: Guid = guid!("77fa9abd-0359-4d32-bd60-28f4e78f784b");

/// What an authority signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signs {
    /// Option ROMs alone: what cards bring along for the firmware.
    OptionRoms,
    /// Boot loaders and tools of others; the older one option ROMs, too.
    Uefi,
    /// Windows' boot manager.
    Windows,
}

/// An authority.
#[derive(Debug, PartialEq, Eq)]
pub struct Authority {
    /// Common name in its certificate.
    pub name: &'static str,
    /// What it signs.
    pub signs: Signs,
    /// SHA-256 of the certificate, DER: hex.
    pub sha256: &'static str,
    /// What db lets in with it.
    pub lets_in: &'static str,
}

/// All that are known. Each fingerprint was published in two places or more that agree; those of 2011 are
/// also those of the certificates in Debian's package ovmf.
pub const AUTHORITIES: [Authority; 5] = [
    Authority {
        name: "Microsoft Option ROM UEFI CA 2023",
        signs: Signs::OptionRoms,
        sha256: "e5be3e64c6e66a281457ecdece0d6d0787577aad2a3a0144262c10c14ba8d8f1",
        lets_in: "the option ROMs of graphics, network and storage cards that Microsoft signed since about \
                  2024; no boot loader. Cards made before have the UEFI CA of 2011",
    },
    Authority {
        name: "Microsoft UEFI CA 2023",
        signs: Signs::Uefi,
        sha256: "f6124e34125bee3fe6d79a574eaa7b91c0e7bd9d929c1a321178efd611dad901",
        lets_in: "every boot loader and tool that Microsoft signed for others: the shim of each \
                  distribution, and with it all that those sign. Your keys alone decide no longer what \
                  this machine starts",
    },
    Authority {
        name: "Microsoft Corporation UEFI CA 2011",
        signs: Signs::Uefi,
        sha256: "48e99b991f57fc52f76149599bff0a58c47154229b9f8d603ac40d3500248507",
        lets_in: "option ROMs of cards made up to about 2024, and every boot loader and tool that Microsoft \
                  signed for others since 2011, old ones with known holes among them, unless dbx stops \
                  them. Your keys alone decide no longer what this machine starts",
    },
    Authority {
        name: "Windows UEFI CA 2023",
        signs: Signs::Windows,
        sha256: "076f1fea90ac29155ebf77c17682f75f1fdd1be196da302dc8461e350a9ae330",
        lets_in: "Windows as Microsoft signs it since 2023: whoever can plug in its installation medium can \
                  start it here",
    },
    Authority {
        name: "Microsoft Windows Production PCA 2011",
        signs: Signs::Windows,
        sha256: "e8e95f0733a55e8bad7be0a1413ee23c51fcea64b3c8fa6a786935fddcc71961",
        lets_in: "Windows as Microsoft signed it from 2011 on, boot managers with known holes among them \
                  (CVE-2023-24932), unless dbx stops them",
    },
];

/// The one whose certificate (DER) this is.
pub fn authority(certificate: &[u8]) -> Option<&'static Authority> {
    let digest = Digest::of(certificate).to_string();
    AUTHORITIES.iter().find(|known| known.sha256 == digest)
}
