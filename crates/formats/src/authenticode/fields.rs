//! The attribute certificate table, field by field, each signature down to its last element.

use super::certificate_table::{
    ALIGNMENT, PKCS_SIGNED_DATA, REVISION, WinCertificate, without_padding,
};
use crate::fields::{Field, List, Row, rows, show, structure, value_of};

const HEADER: &[Row] = rows!(WinCertificate {
    length: "dwLength" => show::number,
    revision: "wRevision" => |b| show::named(b, &[
        (0x0100, "WIN_CERT_REVISION_1_0"),
        (REVISION as u64, "WIN_CERT_REVISION_2_0"),
    ]),
    certificate_type: "wCertificateType" => |b| show::named(b, &[
        (0x0001, "WIN_CERT_TYPE_X509"),
        (PKCS_SIGNED_DATA as u64, "WIN_CERT_TYPE_PKCS_SIGNED_DATA"),
        (0x0ef0, "WIN_CERT_TYPE_EFI_PKCS115"),
        (0x0ef1, "WIN_CERT_TYPE_EFI_GUID"),
    ]),
});

/// The entries of a table that is at `offset` of its file.
pub(crate) fn fields(offset: u64, table: &[u8]) -> Vec<Field> {
    let mut list = List::default();
    let mut at = 0;
    while let Some(rest) = table.get(at..).filter(|rest| !rest.is_empty()) {
        let place = offset.saturating_add(at as u64);
        let Some(header) = value_of::<WinCertificate>(rest) else {
            list.push(place, || {
                let fields = structure(place, rest, HEADER);
                Field::of((place, rest.len() as u64), "WIN_CERTIFICATE", None, fields)
            });
            break;
        };
        let length = header.length.get() as usize;
        let head = size_of::<WinCertificate>();
        let body = rest.get(head..length.min(rest.len()));
        list.push(place, || {
            let mut fields = structure(place, rest, HEADER);
            let inside = place.saturating_add(head as u64);
            match body {
                Some(body) if header.certificate_type == PKCS_SIGNED_DATA => {
                    let message = without_padding(body);
                    fields.extend(crate::pkcs7::fields(inside, message));
                    padding(inside, body, message.len(), &mut fields);
                }
                Some(body) => fields.push(Field::new(
                    inside,
                    body.len() as u64,
                    "bCertificate",
                    show::bytes(body),
                )),
                None => {
                    let why = "dwLength is less than the header's 8 bytes";
                    fields.push(Field::ended(inside, why));
                }
            }
            if length > rest.len() {
                let why = format!("{} of dwLength's {length} bytes are there", rest.len());
                fields.push(Field::ended(place.saturating_add(rest.len() as u64), why));
            }
            let of = Some("PE Format, Attribute Certificate Table");
            Field::of((place, length as u64), "WIN_CERTIFICATE", of, fields)
        });
        if body.is_none() {
            break;
        }
        at = at.saturating_add(length.next_multiple_of(ALIGNMENT));
    }
    list.finish()
}

/// What dwLength counts and is no signature.
fn padding(inside: u64, body: &[u8], length: usize, fields: &mut Vec<Field>) {
    let rest = body.get(length..).unwrap_or_default();
    if !rest.is_empty() {
        let offset = inside.saturating_add(length as u64);
        let value = show::reserved(rest);
        fields.push(Field::new(offset, rest.len() as u64, "padding", value));
    }
}
