//! Every element of what is DER: certificates and PKCS#7 messages.
//!
//! Specification: X.690 (DER); the names are those of [`super::parts`].

use const_oid::db::DB;
use der::asn1::ObjectIdentifier;
use der::{Decode, Header, Tag};

use super::parts::{CERTIFICATE, CONTENT_INFO, Part, SIGNED_DATA};
use crate::fields::{Field, show};

/// Most elements of one message that are shown.
const ELEMENTS: usize = 20_000;
/// Most elements that an element is in; none of those here has more than 16.
const DEPTH: usize = 40;

/// Microsoft's object identifiers, which no RFC has.
const SPC: &[(&str, &str)] = &[
    ("1.3.6.1.4.1.311.2.1.4", "SPC_INDIRECT_DATA_OBJID"),
    ("1.3.6.1.4.1.311.2.1.11", "SPC_STATEMENT_TYPE_OBJID"),
    ("1.3.6.1.4.1.311.2.1.12", "SPC_SP_OPUS_INFO_OBJID"),
    ("1.3.6.1.4.1.311.2.1.15", "SPC_PE_IMAGE_DATA_OBJID"),
    (
        "1.3.6.1.4.1.311.2.1.21",
        "SPC_INDIVIDUAL_SP_KEY_PURPOSE_OBJID",
    ),
    ("1.3.6.1.4.1.311.3.3.1", "SPC_RFC3161_OBJID"),
];

/// A certificate that is at `offset` of its file.
pub fn certificate_fields(offset: u64, der: &[u8]) -> Vec<Field> {
    said(walk(offset, der, &CERTIFICATE), "X.509, RFC 5280")
}

/// A PKCS#7 message that is at `offset` of its file, or a SignedData alone.
pub fn fields(offset: u64, der: &[u8]) -> Vec<Field> {
    let parts = match first_inside(der) {
        Some(Tag::ObjectIdentifier) => &CONTENT_INFO,
        _ => &SIGNED_DATA,
    };
    said(walk(offset, der, parts), "PKCS#7, RFC 2315")
}

/// Whether bytes start like a PKCS#7 message, sound or not.
pub fn is_message(der: &[u8]) -> bool {
    // A version comes first in a SignedData alone, and in private keys, which nobody wants on a screen.
    first_inside(der) == Some(Tag::ObjectIdentifier)
}

/// Whether bytes start like a certificate, sound or not.
pub fn is_certificate(der: &[u8]) -> bool {
    first_inside(der) == Some(Tag::Sequence)
}

/// The first element in a SEQUENCE.
fn first_inside(der: &[u8]) -> Option<Tag> {
    let (outer, inside) = Header::from_der_partial(der).ok()?;
    let (inner, _) = Header::from_der_partial(inside).ok()?;
    (outer.tag() == Tag::Sequence).then_some(inner.tag())
}

/// The first element is the whole: it says where it is specified.
fn said(mut fields: Vec<Field>, specification: &'static str) -> Vec<Field> {
    let whole = fields.first_mut();
    if let Some(whole) = whole.filter(|field| field.size > 0) {
        whole.specification = Some(specification);
    }
    fields
}

fn walk(offset: u64, der: &[u8], parts: &'static [Part]) -> Vec<Field> {
    let mut walk = Walk { left: ELEMENTS };
    walk.elements(offset, der, parts, 0)
}

struct Walk {
    /// Elements that may still be shown.
    left: usize,
}

impl Walk {
    /// The elements in `bytes`, which follow one another.
    fn elements(
        &mut self,
        offset: u64,
        bytes: &[u8],
        mut parts: &'static [Part],
        depth: usize,
    ) -> Vec<Field> {
        let (mut fields, mut rest) = (Vec::new(), bytes);
        while !rest.is_empty() {
            let at = offset.saturating_add((bytes.len() - rest.len()) as u64);
            if self.left == 0 {
                let why = format!("only {ELEMENTS} elements are shown");
                fields.push(Field::ended(at, why));
                break;
            }
            self.left -= 1;
            let (header, content) = match Header::from_der_partial(rest) {
                Ok(split) => split,
                Err(error) => {
                    fields.push(Field::ended(at, format!("this is not DER: {error}")));
                    break;
                }
            };
            let part = next_part(&mut parts, header.tag());
            let length = u32::from(header.length()) as usize;
            let (found, after) = content.split_at_checked(length).unwrap_or((content, &[]));
            let head = rest.len() - content.len();
            let mut field = self.element(at, head, header.tag(), found, part, depth);
            field.size = (head + length) as u64;
            fields.push(field);
            if found.len() < length {
                let end = at.saturating_add((head + found.len()) as u64);
                let why = format!("{} of its {length} bytes are there", found.len());
                fields.push(Field::ended(end, why));
                break;
            }
            rest = after;
        }
        fields
    }

    fn element(
        &mut self,
        at: u64,
        head: usize,
        tag: Tag,
        content: &[u8],
        part: Option<&'static Part>,
        depth: usize,
    ) -> Field {
        let name = match part {
            Some(part) => format!("{} {}", part.name, tag_name(tag)),
            None => tag_name(tag),
        };
        let inside = at.saturating_add(head as u64);
        let parts = part.map_or(&[][..], |part| part.parts);
        let mut field = Field::new(at, 0, name, String::new());
        if tag.is_constructed() {
            match depth < DEPTH {
                true => field.fields = self.elements(inside, content, parts, depth + 1),
                false => field.value = "deeper than is shown".to_owned(),
            }
            return field;
        }
        let skipped = usize::from(tag == Tag::BitString);
        let held = content.get(skipped..).unwrap_or_default();
        if part.is_some_and(|part| part.holds) && is_element(held) && depth < DEPTH {
            let inside = inside.saturating_add(skipped as u64);
            field.fields = self.elements(inside, held, parts, depth + 1);
        } else {
            field.value = value(tag, content);
        }
        field
    }
}

/// The part that an element of that tag is; those before it are not there.
fn next_part(parts: &mut &'static [Part], tag: Tag) -> Option<&'static Part> {
    let is_it = |part: &Part| part.tag.is_none_or(|wanted| wanted == tag);
    let index = parts.iter().position(is_it)?;
    let part = parts.get(index)?;
    let next = index + usize::from(!part.many);
    *parts = parts.get(next..).unwrap_or_default();
    Some(part)
}

/// Whether bytes are one element, and nothing else.
fn is_element(bytes: &[u8]) -> bool {
    let Ok((header, content)) = Header::from_der_partial(bytes) else {
        return false;
    };
    u32::from(header.length()) as usize == content.len()
}

fn tag_name(tag: Tag) -> String {
    match tag {
        Tag::ContextSpecific { number, .. } => format!("[{}]", number.value()),
        Tag::Application { number, .. } => format!("[APPLICATION {}]", number.value()),
        Tag::Private { number, .. } => format!("[PRIVATE {}]", number.value()),
        other => other.to_string(),
    }
}

fn value(tag: Tag, content: &[u8]) -> String {
    match tag {
        Tag::Boolean => match content {
            [0] => "FALSE".to_owned(),
            [0xff] => "TRUE".to_owned(),
            other => show::bytes(other),
        },
        Tag::Integer | Tag::Enumerated if content.len() <= 8 => {
            let reversed: Vec<u8> = content.iter().rev().copied().collect();
            show::signed(&reversed)
        }
        Tag::Null => String::new(),
        Tag::ObjectIdentifier => match ObjectIdentifier::from_bytes(content) {
            Ok(oid) => match name_of(oid) {
                Some(name) => format!("{oid} {name}"),
                None => oid.to_string(),
            },
            Err(_) => show::bytes(content),
        },
        Tag::Utf8String
        | Tag::PrintableString
        | Tag::Ia5String
        | Tag::NumericString
        | Tag::VisibleString
        | Tag::TeletexString => show::quoted(&String::from_utf8_lossy(content)),
        Tag::UtcTime | Tag::GeneralizedTime => {
            String::from_utf8_lossy(content.get(..24).unwrap_or(content)).into_owned()
        }
        Tag::BitString => match content.split_first() {
            Some((0, bits)) => show::bytes(bits),
            Some((unused, bits)) => format!("{}, {unused} bits unused", show::bytes(bits)),
            None => String::new(),
        },
        _ => show::bytes(content),
    }
}

fn name_of(oid: ObjectIdentifier) -> Option<&'static str> {
    let text = oid.to_string();
    let known = SPC.iter().find(|(known, _)| *known == text);
    known.map(|(_, name)| *name).or_else(|| DB.by_oid(&oid))
}
