//! Names of the parts of what is DER: X.509 (RFC 5280), PKCS#7 (RFC 2315), Authenticode.

use der::{Tag, TagNumber};

/// A part of an ASN.1 type, in the order of the type.
pub(super) struct Part {
    /// As the specification names it.
    pub(super) name: &'static str,
    /// `None`: whatever it is.
    pub(super) tag: Option<Tag>,
    /// A SET OF or SEQUENCE OF has any number of it.
    pub(super) many: bool,
    /// A string of bytes that are DER.
    pub(super) holds: bool,
    /// What is in it.
    pub(super) parts: &'static [Part],
}

const fn part(name: &'static str, tag: Tag, parts: &'static [Part]) -> Part {
    Part {
        name,
        tag: Some(tag),
        many: false,
        holds: false,
        parts,
    }
}

const fn leaf(name: &'static str, tag: Tag) -> Part {
    part(name, tag, &[])
}

const fn any(name: &'static str) -> Part {
    Part {
        tag: None,
        ..leaf(name, Tag::Null)
    }
}

const fn many(name: &'static str, tag: Tag, parts: &'static [Part]) -> Part {
    Part {
        many: true,
        ..part(name, tag, parts)
    }
}

const fn holding(name: &'static str, tag: Tag, parts: &'static [Part]) -> Part {
    Part {
        holds: true,
        ..part(name, tag, parts)
    }
}

const fn numbered(number: u32, constructed: bool) -> Tag {
    Tag::ContextSpecific {
        constructed,
        number: TagNumber(number),
    }
}

const ZERO: Tag = numbered(0, true);

static ALGORITHM: [Part; 2] = [leaf("algorithm", Tag::ObjectIdentifier), any("parameters")];

static NAME: [Part; 1] = [many(
    "RelativeDistinguishedName",
    Tag::Set,
    &[many(
        "AttributeTypeAndValue",
        Tag::Sequence,
        &[leaf("type", Tag::ObjectIdentifier), any("value")],
    )],
)];

static TBS_CERTIFICATE: [Part; 10] = [
    part("version", ZERO, &[leaf("Version", Tag::Integer)]),
    leaf("serialNumber", Tag::Integer),
    part("signature", Tag::Sequence, &ALGORITHM),
    part("issuer", Tag::Sequence, &NAME),
    part(
        "validity",
        Tag::Sequence,
        &[any("notBefore"), any("notAfter")],
    ),
    part("subject", Tag::Sequence, &NAME),
    part(
        "subjectPublicKeyInfo",
        Tag::Sequence,
        &[
            part("algorithm", Tag::Sequence, &ALGORITHM),
            holding(
                "subjectPublicKey",
                Tag::BitString,
                &[part(
                    "RSAPublicKey",
                    Tag::Sequence,
                    &[
                        leaf("modulus", Tag::Integer),
                        leaf("publicExponent", Tag::Integer),
                    ],
                )],
            ),
        ],
    ),
    leaf("issuerUniqueID", numbered(1, false)),
    leaf("subjectUniqueID", numbered(2, false)),
    part(
        "extensions",
        numbered(3, true),
        &[part(
            "Extensions",
            Tag::Sequence,
            &[many(
                "Extension",
                Tag::Sequence,
                &[
                    leaf("extnID", Tag::ObjectIdentifier),
                    leaf("critical", Tag::Boolean),
                    holding("extnValue", Tag::OctetString, &[]),
                ],
            )],
        )],
    ),
];

static IN_CERTIFICATE: [Part; 3] = [
    part("tbsCertificate", Tag::Sequence, &TBS_CERTIFICATE),
    part("signatureAlgorithm", Tag::Sequence, &ALGORITHM),
    leaf("signatureValue", Tag::BitString),
];

/// A certificate (RFC 5280, section 4.1).
pub(super) static CERTIFICATE: [Part; 1] = [part("Certificate", Tag::Sequence, &IN_CERTIFICATE)];

static ATTRIBUTE: [Part; 1] = [many(
    "Attribute",
    Tag::Sequence,
    &[
        leaf("type", Tag::ObjectIdentifier),
        part("values", Tag::Set, &[]),
    ],
)];

static SIGNER_INFO: [Part; 7] = [
    leaf("version", Tag::Integer),
    part(
        "issuerAndSerialNumber",
        Tag::Sequence,
        &[
            part("issuer", Tag::Sequence, &NAME),
            leaf("serialNumber", Tag::Integer),
        ],
    ),
    part("digestAlgorithm", Tag::Sequence, &ALGORITHM),
    part("authenticatedAttributes", ZERO, &ATTRIBUTE),
    part("digestEncryptionAlgorithm", Tag::Sequence, &ALGORITHM),
    leaf("encryptedDigest", Tag::OctetString),
    part("unauthenticatedAttributes", numbered(1, true), &ATTRIBUTE),
];

/// What Authenticode signs ("Authenticode-Specific Structures"), and what others do.
static CONTENT: [Part; 2] = [
    leaf("Data", Tag::OctetString),
    part(
        "SpcIndirectDataContent",
        Tag::Sequence,
        &[
            part(
                "data",
                Tag::Sequence,
                &[
                    leaf("type", Tag::ObjectIdentifier),
                    part(
                        "value",
                        Tag::Sequence,
                        &[leaf("flags", Tag::BitString), part("file", ZERO, &[])],
                    ),
                ],
            ),
            part(
                "messageDigest",
                Tag::Sequence,
                &[
                    part("digestAlgorithm", Tag::Sequence, &ALGORITHM),
                    leaf("digest", Tag::OctetString),
                ],
            ),
        ],
    ),
];

static IN_SIGNED_DATA: [Part; 6] = [
    leaf("version", Tag::Integer),
    part(
        "digestAlgorithms",
        Tag::Set,
        &[many("AlgorithmIdentifier", Tag::Sequence, &ALGORITHM)],
    ),
    part(
        "contentInfo",
        Tag::Sequence,
        &[
            leaf("contentType", Tag::ObjectIdentifier),
            part("content", ZERO, &CONTENT),
        ],
    ),
    part(
        "certificates",
        ZERO,
        &[many("Certificate", Tag::Sequence, &IN_CERTIFICATE)],
    ),
    part("crls", numbered(1, true), &[]),
    part(
        "signerInfos",
        Tag::Set,
        &[many("SignerInfo", Tag::Sequence, &SIGNER_INFO)],
    ),
];

/// As EFI variables have it (RFC 2315, section 9.1).
pub(super) static SIGNED_DATA: [Part; 1] = [part("SignedData", Tag::Sequence, &IN_SIGNED_DATA)];

/// The whole message (RFC 2315, section 7).
pub(super) static CONTENT_INFO: [Part; 1] = [part(
    "ContentInfo",
    Tag::Sequence,
    &[
        leaf("contentType", Tag::ObjectIdentifier),
        part("content", ZERO, &SIGNED_DATA),
    ],
)];
