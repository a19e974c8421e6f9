//! Lists and signed variables, field by field.

use uguid::Guid;

use super::Timestamp;
use super::format::{
    AuthHeader, CERT_SHA256, CERT_X509, CERT_X509_SHA256, EfiTime, GUID_SIZE, ListHeader,
    WIN_CERT_REVISION, WIN_CERT_TYPE_EFI_GUID,
};
use crate::fields::{Field, List, Row, rows, show, structure, value_of};

const LIST: &[Row] = rows!(ListHeader {
    signature_type: "SignatureType" => show::guid,
    list_size: "SignatureListSize" => show::number,
    header_size: "SignatureHeaderSize" => show::number,
    signature_size: "SignatureSize" => show::number,
});

const TIME: &[Row] = rows!(EfiTime {
    year: "Year" => show::number,
    month: "Month" => show::number,
    day: "Day" => show::number,
    hour: "Hour" => show::number,
    minute: "Minute" => show::number,
    second: "Second" => show::number,
    pad_1: "Pad1" => show::number,
    nanosecond: "Nanosecond" => show::number,
    time_zone: "TimeZone" => show::signed,
    daylight: "Daylight" => show::hex,
    pad_2: "Pad2" => show::number,
});

/// Behind the time.
const AUTH: &[Row] = rows!(AuthHeader {
    length: "dwLength" => show::number,
    revision: "wRevision" => |b| show::named(b, &[
        (WIN_CERT_REVISION as u64, "WIN_CERT_REVISION_2_0"),
    ]),
    certificate_type: "wCertificateType" => |b| show::named(b, &[
        (WIN_CERT_TYPE_EFI_GUID as u64, "WIN_CERT_TYPE_EFI_GUID"),
    ]),
    cert_type: "CertType" => show::guid,
});

const TIME_SIZE: usize = size_of::<EfiTime>();

/// An EFI_TIME that is at `offset` of its file.
pub(crate) fn time_fields(offset: u64, name: &'static str, bytes: &[u8]) -> Field {
    let fields = structure(offset, bytes, TIME);
    let of = Some("EFI_TIME: UEFI 2.10, section 8.3");
    let size = bytes.len().min(TIME_SIZE) as u64;
    let field = Field::of((offset, size), name, of, fields);
    match bytes.first_chunk() {
        Some(time) => field.saying(Timestamp::from_bytes(*time).to_string()),
        None => field,
    }
}

/// Signature lists that are at `offset` of their file.
pub fn fields(offset: u64, bytes: &[u8]) -> Vec<Field> {
    let mut list = List::default();
    let mut at = 0;
    while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
        let place = offset.saturating_add(at as u64);
        let header = value_of::<ListHeader>(rest);
        // A list that is shorter than its header has no successor.
        let size = header.map(|header| header.list_size.get() as usize);
        let size = size.filter(|size| *size >= size_of::<ListHeader>());
        list.push(place, || one_list(place, rest, header));
        at = at.saturating_add(size.unwrap_or(rest.len()));
    }
    list.finish()
}

fn one_list(place: u64, rest: &[u8], header: Option<ListHeader>) -> Field {
    let mut fields = structure(place, rest, LIST);
    let size = header.map_or(rest.len() as u64, |header| header.list_size.get().into());
    if let Some(header) = header {
        signatures(place, rest, &header, &mut fields);
    }
    let of = Some("UEFI 2.10, section 32.4.1");
    Field::of((place, size), "EFI_SIGNATURE_LIST", of, fields)
}

fn signatures(place: u64, rest: &[u8], header: &ListHeader, fields: &mut Vec<Field>) {
    let head = size_of::<ListHeader>();
    let size = header.list_size.get() as usize;
    let end = |at: usize| place.saturating_add(at as u64);
    let body = rest.get(head..size.min(rest.len()));
    let type_header = header.header_size.get() as usize;
    let each = header.signature_size.get() as usize;
    let (Some(body), true) = (body, each > GUID_SIZE) else {
        let why = "SignatureListSize or SignatureSize is too small";
        fields.push(Field::ended(end(head), why));
        return;
    };
    if type_header > 0 {
        let found = body.get(..type_header).unwrap_or(body);
        let value = show::bytes(found);
        let length = found.len() as u64;
        fields.push(Field::new(end(head), length, "SignatureHeader", value));
    }
    let kind = Guid::from_bytes(header.signature_type);
    let mut list = List::default();
    let mut at = head.saturating_add(type_header);
    let entries = body.get(type_header..).unwrap_or_default().chunks(each);
    for entry in entries {
        let offset = end(at);
        list.push(offset, || signature(offset, entry, each, kind));
        at += entry.len();
    }
    fields.extend(list.finish());
    if size > rest.len() {
        let why = format!(
            "{} of SignatureListSize's {size} bytes are there",
            rest.len()
        );
        fields.push(Field::ended(end(rest.len()), why));
    }
}

fn signature(offset: u64, entry: &[u8], size: usize, kind: Guid) -> Field {
    let place = (offset, entry.len() as u64);
    let of = Some("UEFI 2.10, section 32.4.1");
    let (Some((owner, data)), true) = (entry.split_at_checked(GUID_SIZE), entry.len() == size)
    else {
        let why = format!("{} of SignatureSize's {size} bytes are left", entry.len());
        let ended = vec![Field::ended(offset, why)];
        return Field::of(place, "EFI_SIGNATURE_DATA", of, ended);
    };
    let inside = offset.saturating_add(GUID_SIZE as u64);
    let length = data.len() as u64;
    let mut fields = vec![Field::new(
        offset,
        GUID_SIZE as u64,
        "SignatureOwner",
        show::guid(owner),
    )];
    match (kind, data.split_at_checked(32)) {
        (CERT_X509, _) => {
            let certificate = crate::pkcs7::certificate_fields(inside, data);
            fields.push(Field::of(
                (inside, length),
                "SignatureData",
                None,
                certificate,
            ));
        }
        (CERT_X509_SHA256, Some((hash, time))) => {
            let parts = vec![
                Field::new(inside, 32, "ToBeSignedHash", show::bytes(hash)),
                time_fields(inside.saturating_add(32), "TimeOfRevocation", time),
            ];
            let of = Some("EFI_CERT_X509_SHA256");
            fields.push(Field::of((inside, length), "SignatureData", of, parts));
        }
        (CERT_SHA256, _) => {
            let value = show::bytes(data);
            fields.push(Field::new(inside, length, "SignatureData", value));
        }
        _ => fields.push(Field::new(
            inside,
            length,
            "SignatureData",
            show::bytes(data),
        )),
    }
    Field::of(place, "EFI_SIGNATURE_DATA", of, fields)
}

/// A signed variable that is at `offset` of its file.
pub fn auth_fields(offset: u64, bytes: &[u8]) -> Vec<Field> {
    let at = |index: usize| offset.saturating_add(index as u64);
    let mut fields = vec![time_fields(offset, "TimeStamp", bytes)];
    let rest = bytes.get(TIME_SIZE..).unwrap_or_default();
    let head = size_of::<AuthHeader>();
    let header = value_of::<AuthHeader>(bytes);
    let length = header.map_or(rest.len(), |header| header.length.get() as usize);
    let mut inside = structure(offset, bytes, AUTH);
    let end = TIME_SIZE.saturating_add(length);
    let signed = bytes.get(head..end.min(bytes.len()));
    if let (Some(_), Some(signed)) = (header, signed) {
        inside.extend(crate::pkcs7::fields(at(head), signed));
    } else if header.is_some() {
        let why = "dwLength is less than the header's 24 bytes";
        inside.push(Field::ended(at(head), why));
    }
    let is_cut = end > bytes.len();
    if header.is_some() && is_cut {
        let why = format!("{} of dwLength's {length} bytes are there", rest.len());
        inside.push(Field::ended(at(bytes.len()), why));
    }
    let of = Some("WIN_CERTIFICATE_UEFI_GUID: UEFI 2.10, section 32.2.4");
    let place = (at(TIME_SIZE), length as u64);
    fields.push(Field::of(place, "AuthInfo", of, inside));
    let of = Some("UEFI 2.10, section 8.2.2");
    let whole = (offset, (end.min(bytes.len())) as u64);
    let descriptor = Field::of(whole, "EFI_VARIABLE_AUTHENTICATION_2", of, fields);
    let mut all = vec![descriptor];
    if signed.is_some() && !is_cut {
        let data = bytes.get(end..).unwrap_or_default();
        all.extend(self::fields(at(end), data));
    }
    all
}
