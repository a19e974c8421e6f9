//! One file by itself, with what lies beside it.

use std::path::Path;

use contract::manifest::{Manifest, unhex};
use formats::efi_signature_list::CERT_X509;
use formats::verity::BLOCK_SIZE;
use formats::{efi_signature_list, pkcs7};
use source::keys::{verify, verify_attached};

use super::release::{SMALL, absent, signed};
use super::{Context, enrolment, image, uki};
use crate::files::Files;
use crate::image::{Shape, squashfs, tree};
use crate::kind::Kind;
use crate::report::Break;
use crate::{Certificate, Error, Part};

/// Checks a file that is no disk and no folder.
pub(super) fn check(context: &mut Context<'_, '_>, part: &mut Part<'_>, kind: Kind, path: &Path) {
    let folder = path.parent().unwrap_or(Path::new(""));
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let mut files = Files::Folder(folder.to_owned());
    match kind {
        Kind::Uki => {
            let pins = uki::check(context, part, uki::Maker::Any);
            let why = "this is the UKI alone; verify its release's folder or disk";
            context.report.not_checked("images", "as pinned", why);
            if pins.is_some_and(|pins| pins.policy) {
                context
                    .report
                    .not_checked("execution policy", "signed", why);
            }
        }
        Kind::Pe => {
            uki::signature(context, part);
        }
        Kind::Image => image_alone(context, &mut files, part, &name),
        Kind::Signature => {
            // What it is of lies inside of it, or beside it.
            let attached = part.all(SMALL).is_ok_and(|bytes| {
                let message = pkcs7::read(&bytes);
                message.is_ok_and(|message| message.content.is_some())
            });
            let content = name.strip_suffix(".p7s").unwrap_or(&name);
            match attached {
                true => whole(context, part),
                false => detached(context, &mut files, &name, content),
            }
        }
        Kind::Manifest => {
            readable(context, part, &name);
            detached(context, &mut files, &format!("{name}.p7s"), &name);
        }
        Kind::Certificate => certificate(context, part),
        Kind::SignatureList => list(context, part),
        Kind::SignedVariable => match part.all(SMALL) {
            Ok(bytes) => enrolment::variable(context, part.name(), &bytes),
            Err(error) => broken(context, part, "can be read", &error),
        },
        Kind::Disk | Kind::Folder => {}
    }
}

fn broken(context: &mut Context<'_, '_>, part: &Part<'_>, what: &str, error: &Error) {
    let name = part.name();
    context.report.failed(name, what, absent(name, error));
}

fn readable(context: &mut Context<'_, '_>, part: &mut Part<'_>, name: &str) {
    let what = "a manifest";
    let manifest = part.all(SMALL).and_then(|b| Ok(Manifest::from_json(&b)?));
    match manifest {
        Ok(manifest) => {
            let detail = format!("release {}", manifest.title());
            context.report.ok(name, what, detail);
            context.report.version = Some(manifest.version);
        }
        Err(error) => broken(context, part, what, &error),
    }
}

/// A signature with what it is of inside: an execution policy.
fn whole(context: &mut Context<'_, '_>, part: &mut Part<'_>) {
    let name = part.name().to_owned();
    let what = super::SIGNED;
    let bytes = match part.all(SMALL) {
        Ok(bytes) => bytes,
        Err(error) => return broken(context, part, what, &error),
    };
    match context.owner.any(|der| verify_attached(der, &bytes)) {
        Ok(by) => context.report.ok(&name, what, by),
        Err(error) => {
            let found = Break::of(&name, error.to_string());
            context.report.failed(&name, what, found);
        }
    }
    let why = "this is the policy alone; verify its release's folder or disk";
    context.report.not_checked(&name, "what it allows", why);
}

/// A signature with the file that it is of beside it.
fn detached(context: &mut Context<'_, '_>, files: &mut Files<'_>, signature: &str, content: &str) {
    match files.read(content, SMALL) {
        Ok(bytes) => signed(context, files, signature, &bytes),
        Err(error) => {
            let found = absent(content, &error);
            context
                .report
                .failed(content, "there, to be compared", found);
        }
    }
}

/// An image, by the root hash that is beside it: that one's signature is what vouches for it.
fn image_alone(
    context: &mut Context<'_, '_>,
    files: &mut Files<'_>,
    part: &mut Part<'_>,
    name: &str,
) {
    let stem = name.strip_suffix(".squashfs").unwrap_or(name);
    let beside = format!("{stem}.roothash");
    detached(context, files, &format!("{beside}.p7s"), &beside);
    let root_hash = files.read(&beside, SMALL).ok().and_then(|bytes| {
        let text = String::from_utf8(bytes).ok()?;
        unhex::<32>(text.trim_end())
    });
    let what = "squashfs with a hash tree behind it";
    let found = squashfs(part).and_then(|superblock| tree(part, &superblock));
    let tree = match found {
        Ok(Some(tree)) => tree,
        Ok(None) => {
            let why = "there is no hash tree: nothing says what its bytes should be";
            context.report.failed(name, what, Break::of(name, why));
            return;
        }
        Err(error) => {
            broken(context, part, what, &error);
            return;
        }
    };
    let Some(root_hash) = root_hash else {
        let why = format!("{beside} beside it holds no root hash of 64 hex digits");
        context
            .report
            .failed(name, "every block", Break::of(name, why));
        return;
    };
    let shape = Shape {
        name: stem.to_owned(),
        size: tree.end,
        data_size: (tree.superblock.data_blocks).saturating_mul(BLOCK_SIZE as u64),
        hash_offset: tree.hash_offset,
        salt: tree.superblock.salt,
        root_hash,
    };
    if shape.size > part.size() {
        let found = Break::of(name, "the file is cut short").differs(
            format!("{} bytes", shape.size),
            format!("{} bytes", part.size()),
        );
        context.report.failed(name, "size", found);
        return;
    }
    image::blocks(context, part, &shape);
}

/// Whose certificate it is, and whether it is whole.
fn certificate(context: &mut Context<'_, '_>, part: &mut Part<'_>) {
    let name = part.name().to_owned();
    let what = "a certificate of the owner";
    let found = part.all(SMALL).and_then(|b| Certificate::read(&name, &b));
    let found = match found {
        Ok(found) => found,
        Err(error) => return broken(context, part, what, &error),
    };
    let is_own = found.fields().is_ok_and(|fields| {
        fields.issuer == fields.subject
            && verify(&found.der, &fields.signed, &fields.signature).is_ok()
    });
    let self_signed = "signed by itself";
    match is_own {
        true => context.report.ok(&name, self_signed, ""),
        false => {
            let found = Break::of(&name, "its signature is not by its own key");
            context.report.failed(&name, self_signed, found);
        }
    }
    match role(context, &found.der) {
        Some(role) => context.report.ok(&name, what, role),
        None => {
            let summary = &found.summary;
            let found = Break::of(&name, "it is none of the owner's certificates").differs(
                &context.owner.db.summary.sha256,
                format!("{}, {}", summary.subject, summary.sha256),
            );
            context.report.failed(&name, what, found);
        }
    }
}

/// Every certificate in a signature list must be the owner's.
fn list(context: &mut Context<'_, '_>, part: &mut Part<'_>) {
    let name = part.name().to_owned();
    let what = "lists the owner's certificates only";
    let lists = part
        .all(SMALL)
        .and_then(|b| Ok(efi_signature_list::read(&b)?));
    let lists = match lists {
        Ok(lists) => lists,
        Err(error) => return broken(context, part, what, &error),
    };
    let entries = lists.iter().flat_map(|list| {
        let is_certificate = list.signature_type == CERT_X509;
        list.signatures.iter().map(move |s| (is_certificate, s))
    });
    let entries: Vec<_> = entries.collect();
    let also = &context.owner.also;
    let foreign = entries.iter().position(|(is_certificate, s)| {
        !is_certificate || (role(context, &s.data).is_none() && !also.contains(&s.data))
    });
    match foreign {
        None => {
            let detail = format!("{} certificates", entries.len());
            context.report.ok(&name, what, detail);
        }
        Some(index) => {
            let what_is = format!("entry {} is no certificate of the owner", index + 1);
            context
                .report
                .failed(&name, what, Break::of(&name, what_is));
        }
    }
}

fn role(context: &Context<'_, '_>, der: &[u8]) -> Option<&'static str> {
    let owner = context.owner;
    let above = [("KEK", owner.kek.as_ref()), ("PK", owner.pk.as_ref())];
    let rows = (owner.trusted().map(|own| ("db", own))).chain(
        above
            .into_iter()
            .filter_map(|(role, own)| Some((role, own?))),
    );
    let mut found = rows.filter(|(_, own)| own.der == der);
    found.next().map(|(role, _)| role)
}
