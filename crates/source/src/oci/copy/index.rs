//! `index.json` of a layout, and the list of what refers to something, as JSON.

use serde_json::{Value, json};

use super::super::document::{About, Descriptor, REF_NAME, parse};
use super::super::error::Error;
use super::super::media_type::INDEXES;
use super::bundle::{Bundle, Document};
use crate::fetch::Digest;

/// What says that a folder is a layout, and its name (image-spec, image-layout.md).
pub(super) const VERSION: (&str, &[u8]) = ("oci-layout", br#"{"imageLayoutVersion":"1.0.0"}"#);

/// The name of the index.
pub(super) const INDEX: &str = "index.json";

/// The index of a layout that holds only this.
pub(super) fn new(bundle: &Bundle, tag: &str) -> Result<Vec<u8>, Error> {
    let index = json!({ "schemaVersion": 2, "mediaType": INDEXES[0], "manifests": [] });
    merged(index, bundle, tag)
}

/// The index of a layout that holds this beside what it held; what had the tag has it no more.
pub(super) fn extended(
    old: &[u8],
    name: &str,
    bundle: &Bundle,
    tag: &str,
) -> Result<Vec<u8>, Error> {
    merged(parse(old, name)?, bundle, tag)
}

fn merged(mut index: Value, bundle: &Bundle, tag: &str) -> Result<Vec<u8>, Error> {
    let mut root = bundle.root.descriptor.clone();
    root.annotations.insert(REF_NAME.to_owned(), tag.to_owned());
    let mut entries = vec![value(&root)];
    for (document, subject) in &bundle.referrers {
        if subject.is_some() {
            entries.push(value(&referrer(document)?));
        }
    }
    let old = index.get_mut("manifests").and_then(Value::as_array_mut);
    let mut all = old.map(std::mem::take).unwrap_or_default();
    all.retain(|entry| {
        let has_tag = name(entry) == Some(tag);
        let again = entries.iter().any(|new| same(new, entry));
        !has_tag && !again
    });
    all.extend(entries);
    index["manifests"] = Value::Array(all);
    Ok(bytes(&index))
}

/// The list of what refers to something, one more on it.
pub(super) fn list(mut manifests: Vec<Descriptor>, document: &Document) -> Result<Vec<u8>, Error> {
    manifests.push(referrer(document)?);
    let manifests: Vec<Value> = manifests.iter().map(value).collect();
    let index = json!({ "schemaVersion": 2, "mediaType": INDEXES[0], "manifests": manifests });
    Ok(bytes(&index))
}

/// How that list is named.
pub(super) fn descriptor(list: &[u8]) -> Descriptor {
    Descriptor::new(INDEXES[0], Digest::of(list), list.len() as u64)
}

/// How something that refers to something else is listed (distribution-spec, "Pushing Manifests with
/// Subject").
fn referrer(document: &Document) -> Result<Descriptor, Error> {
    let about: About = parse(&document.bytes, &format!("blob sha256:{}", document.digest))?;
    let mut descriptor = document.descriptor.clone();
    descriptor.artifact_type = about.artifact_type.or(descriptor.artifact_type);
    if !about.annotations.is_empty() {
        descriptor.annotations = about.annotations;
    }
    descriptor.annotations.remove(REF_NAME);
    Ok(descriptor)
}

/// Whether two entries name the same by the same name.
fn same(one: &Value, other: &Value) -> bool {
    one["digest"] == other["digest"] && name(one) == name(other)
}

fn name(entry: &Value) -> Option<&str> {
    entry["annotations"][REF_NAME].as_str()
}

fn value(descriptor: &Descriptor) -> Value {
    // Strings and numbers in memory have no way to fail.
    serde_json::to_value(descriptor).unwrap_or_default()
}

fn bytes(value: &Value) -> Vec<u8> {
    serde_json::to_vec(value).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn bundle(bytes: &[u8]) -> Bundle {
        let digest = Digest::of(bytes);
        Bundle {
            root: Document {
                descriptor: Descriptor::new("m", digest, bytes.len() as u64),
                digest,
                bytes: bytes.to_vec(),
            },
            documents: Vec::new(),
            referrers: Vec::new(),
            blobs: BTreeMap::new(),
        }
    }

    fn names(index: &[u8]) -> Vec<(String, String)> {
        let index: Value = serde_json::from_slice(index).unwrap();
        let all = index["manifests"].as_array().unwrap();
        let pair = |entry: &Value| {
            let digest = entry["digest"].as_str().unwrap()[7..11].to_owned();
            (name(entry).unwrap_or("-").to_owned(), digest)
        };
        all.iter().map(pair).collect()
    }

    #[test]
    fn a_tag_moves_and_the_rest_stays() {
        let (one, two) = (bundle(b"one"), bundle(b"two"));
        let pair = |tag: &str, of: &Bundle| {
            let digest = of.root.digest.to_string();
            (tag.to_owned(), digest[..4].to_owned())
        };
        let first = new(&one, "a").unwrap();
        assert_eq!(names(&first), [pair("a", &one)]);
        let second = extended(&first, "", &two, "b").unwrap();
        assert_eq!(names(&second), [pair("a", &one), pair("b", &two)]);
        let moved = extended(&second, "", &two, "a").unwrap();
        assert_eq!(names(&moved), [pair("b", &two), pair("a", &two)]);
        assert_eq!(extended(&moved, "", &two, "a").unwrap(), moved);
        assert!(extended(b"[", "", &two, "a").is_err());
        // What else an index says stays, too.
        let more = br#"{"annotations":{"x":"y"},"manifests":null}"#;
        let more = extended(more, "", &one, "a").unwrap();
        assert_eq!(names(&more), [pair("a", &one)]);
        assert!(String::from_utf8(more).unwrap().contains(r#""x":"y""#));
    }
}
