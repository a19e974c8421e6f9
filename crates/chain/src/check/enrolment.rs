//! Enrolment material: certificates and signed variables that an owner takes into the firmware.

use contract::esp;
use formats::efi_signature_list::{self, CERT_X509, to_be_signed};
use formats::efivars::{DB, KEK, PK, Variable};
use source::keys::verify_detached;

use super::Context;
use super::release::{SMALL, absent, first_difference};
use crate::files::Files;
use crate::report::Break;
use crate::{Certificate, Error, Owner};

/// Variable, and how to find its certificate and that of its signer among the owner's.
struct Row {
    variable: Variable,
    own: fn(&Owner) -> Option<&Certificate>,
    signer: fn(&Owner) -> Option<&Certificate>,
}

const ROWS: [Row; 3] = [
    Row {
        variable: PK,
        own: |owner| owner.pk.as_ref(),
        signer: |owner| owner.pk.as_ref(),
    },
    Row {
        variable: KEK,
        own: |owner| owner.kek.as_ref(),
        signer: |owner| owner.pk.as_ref(),
    },
    Row {
        variable: DB,
        own: |owner| Some(&owner.db),
        signer: |owner| owner.kek.as_ref(),
    },
];

/// Every path of them on a boot partition.
pub(super) fn paths() -> Vec<String> {
    let path = |name: &str, end: &str| format!("{}/{name}.{end}", esp::KEYS);
    ROWS.iter()
        .flat_map(|row| ["cer", "auth"].map(|end| path(row.variable.name, end)))
        .collect()
}

/// Checks those that are there.
pub(super) fn check(context: &mut Context<'_, '_>, files: &mut Files<'_>) {
    for row in &ROWS {
        let path = |end: &str| format!("{}/{}.{end}", esp::KEYS, row.variable.name);
        certificate(context, files, &path("cer"), row);
        let path = path("auth");
        match files.read(&path, SMALL) {
            Ok(bytes) => signed(context, &path, &bytes, row),
            Err(error) => absence(context, &path, AUTH, &error),
        }
    }
}

/// A signed variable by itself; its name says which variable it is.
pub(super) fn variable(context: &mut Context<'_, '_>, path: &str, bytes: &[u8]) {
    let file = path.rsplit('/').next().unwrap_or(path);
    let row = ROWS.iter().find(|row| {
        let name = file.strip_suffix(".auth").unwrap_or(file);
        name.eq_ignore_ascii_case(row.variable.name)
    });
    match row {
        Some(row) => signed(context, path, bytes, row),
        None => {
            let why = "its name is none of PK.auth, KEK.auth, db.auth, and what is signed \
                       depends on the variable's name";
            context.report.not_checked(path, AUTH, why);
        }
    }
}

const CER: &str = "the owner's certificate";
const AUTH: &str = "enrols it, signed as firmware asks for";
const UNKNOWN: &str = "only the db certificate is known; --keys names a folder with all three";

fn certificate(context: &mut Context<'_, '_>, files: &mut Files<'_>, path: &str, row: &Row) {
    match (files.read(path, SMALL), (row.own)(context.owner)) {
        (Err(error), _) => absence(context, path, CER, &error),
        (Ok(_), None) => context.report.not_checked(path, CER, UNKNOWN),
        (Ok(found), _) if is_other(context.owner, row, &found) => context.report.ok(path, CER, ""),
        (Ok(found), Some(own)) => match first_difference(&own.der, &found) {
            None => context.report.ok(path, CER, ""),
            Some((offset, ..)) => {
                let found = Certificate::read(path, &found);
                let found = found.map_or_else(
                    |_| "another file".to_owned(),
                    |other| format!("{}, {}", other.summary.subject, other.summary.sha256),
                );
                let expected = format!("{}, {}", own.summary.subject, own.summary.sha256);
                let mut found =
                    Break::of(path, "it is not the owner's certificate").differs(expected, found);
                found.offset = Some(offset);
                context.report.failed(path, CER, found);
            }
        },
    }
}

/// Of a whole db, each certificate is as good as the first.
fn is_other(owner: &Owner, row: &Row, found: &[u8]) -> bool {
    row.variable == DB && owner.others.iter().any(|other| other.der == found)
}

fn signed(context: &mut Context<'_, '_>, path: &str, bytes: &[u8], row: &Row) {
    let owner = context.owner;
    let (Some(own), Some(signer)) = ((row.own)(owner), (row.signer)(owner)) else {
        context.report.not_checked(path, AUTH, UNKNOWN);
        return;
    };
    let mut others = 0;
    let mut problem = || -> Result<Option<String>, Error> {
        let auth = efi_signature_list::read_auth(bytes)?;
        let lists = efi_signature_list::read(&auth.data)?;
        let enrols: Vec<_> = lists.iter().flat_map(|l| l.signatures.iter()).collect();
        let only_own = enrols.iter().any(|s| s.data == own.der)
            && lists.iter().all(|l| l.signature_type == CERT_X509)
            && (enrols.iter()).all(|s| s.data == own.der || owner.also.contains(&s.data));
        others = enrols.len().saturating_sub(1);
        if !only_own {
            return Ok(Some("it enrols something else".to_owned()));
        }
        let Variable {
            name,
            vendor,
            attributes,
        } = row.variable;
        let message = to_be_signed(name, vendor, attributes, auth.time, &auth.data);
        let verified = verify_detached(&signer.der, &auth.signed_data, &message);
        Ok(verified.err().map(|error| error.to_string()))
    };
    match problem() {
        Ok(None) => context.report.ok(path, AUTH, more(others)),
        Ok(Some(what)) => context.report.failed(path, AUTH, Break::of(path, what)),
        Err(error) => {
            let found = Break::of(path, error.to_string());
            context.report.failed(path, AUTH, found);
        }
    }
}

/// What is enrolled beside the certificate: an old key's, or that of somebody else.
fn more(others: usize) -> String {
    match others {
        0 => String::new(),
        others => format!("and {others} more that the keys folder lists"),
    }
}

/// A release need not bring enrolment material; what is there must be whole.
fn absence(context: &mut Context<'_, '_>, path: &str, what: &str, error: &Error) {
    match error {
        Error::Missing(_) => context
            .report
            .not_checked(path, what, "it is not on this disk"),
        other => context.report.failed(path, what, absent(path, other)),
    }
}
