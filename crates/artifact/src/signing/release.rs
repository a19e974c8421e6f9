//! What a release in a folder needs signed.

use std::fs;
use std::path::Path;

use contract::manifest::Manifest;
use contract::{esp, out, policy};
use formats::authenticode::{self, image_digest};
use formats::pe::Pe;
use source::fetch::Digest;

use super::Error;
use super::format::{
    CERTIFICATE, Item, Kind, MESSAGE_END, PAGE, REQUEST, Request, UkiItem, VERSION,
};
use super::page;

/// The manifests in a folder, in the order of the release's systems.
pub fn manifests(folder: &Path) -> Result<Vec<Manifest>, Error> {
    let failed = |source| Error::Read {
        path: folder.to_owned(),
        source,
    };
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let name = path.file_name().and_then(|name| name.to_str());
        let Some(name) = name.filter(|name| name.ends_with(esp::MANIFEST_END)) else {
            continue;
        };
        let Ok(manifest) = Manifest::from_json(&read(&path)?) else {
            continue;
        };
        if esp::manifest_file(manifest.system_name()) == name {
            found.push(manifest);
        }
    }
    let place = |manifest: &Manifest| {
        let system = manifest.system.as_ref();
        system.and_then(|system| system.all.iter().position(|name| *name == system.name))
    };
    found.sort_by_key(place);
    match found.is_empty() {
        true => Err(Error::NoRelease {
            path: folder.to_owned(),
        }),
        false => Ok(found),
    }
}

impl Request {
    /// Everything that the key of `certificate` is to sign of the release of these manifests, whose files are in
    /// `folder`; and the messages, in the items' order. UKIs have no signature yet.
    pub fn of_release(
        folder: &Path,
        manifests: &[Manifest],
        certificate: &[u8],
    ) -> Result<(Self, Vec<Vec<u8>>), Error> {
        let mut list = List::default();
        for manifest in manifests {
            for image in &manifest.images {
                let name = esp::root_hash_file(image.stem());
                list.add(name, Kind::RootHash, image.root_hash.clone().into_bytes());
            }
            let system = manifest.system_name();
            list.add(
                esp::manifest_file(system),
                Kind::Manifest,
                manifest.to_json(),
            );
            if let Some(file) = &manifest.policy {
                let text = policy::text(manifest).into_bytes();
                list.add(file.clone(), Kind::ExecutionPolicy, text);
            }
        }
        for manifest in manifests {
            let name = out::uki(manifest.system_name());
            let (message, uki) = uki(&folder.join(&name), &name)?;
            list.add(name, Kind::Uki, message);
            if let Some(item) = list.items.last_mut() {
                item.uki = Some(uki);
            }
        }
        let first = manifests.first();
        let request = Self {
            format: VERSION,
            release: first.map(|first| first.version.clone()).unwrap_or_default(),
            certificate_sha256: Digest::of(certificate).to_string(),
            items: list.items,
        };
        Ok((request, list.messages))
    }

    /// `request.json`: indented JSON with a final newline.
    pub fn to_json(&self) -> Vec<u8> {
        // Serialising strings and integers into memory has no way to fail.
        let mut bytes = serde_json::to_vec_pretty(self).unwrap_or_default();
        bytes.push(b'\n');
        bytes
    }

    /// The files of the folder that goes to the machine with the key: name, and content.
    pub fn files(
        &self,
        messages: Vec<Vec<u8>>,
        manifests: &[Manifest],
        certificate: &[u8],
    ) -> Vec<(String, Vec<u8>)> {
        let page = page::text(self, manifests, certificate);
        let names = self.items.iter();
        let names = names.map(|item| format!("{}{MESSAGE_END}", item.name));
        let own = [
            (REQUEST.to_owned(), self.to_json()),
            (CERTIFICATE.to_owned(), certificate.to_vec()),
            (PAGE.to_owned(), page.into_bytes()),
        ];
        own.into_iter().chain(names.zip(messages)).collect()
    }
}

/// Items and their messages. Several systems have images in common.
#[derive(Default)]
struct List {
    items: Vec<Item>,
    messages: Vec<Vec<u8>>,
}

impl List {
    fn add(&mut self, name: String, kind: Kind, message: Vec<u8>) {
        if self.items.iter().any(|item| item.name == name) {
            return;
        }
        self.items.push(Item {
            name,
            kind,
            sha256: Digest::of(&message).to_string(),
            uki: None,
        });
        self.messages.push(message);
    }
}

/// What is signed of a UKI, and what a person is told of it.
fn uki(path: &Path, name: &str) -> Result<(Vec<u8>, UkiItem), Error> {
    let bytes = read(path)?;
    let wrong = |problem: String| Error::Release {
        file: name.to_owned(),
        problem,
    };
    let pe = Pe::parse(&bytes).map_err(|error| wrong(error.to_string()))?;
    if pe.headers.certificate_table().is_some() {
        return Err(wrong("it is signed already".to_owned()));
    }
    let text = |section: &str| {
        let content = pe.section(section).map(|header| pe.content(header));
        String::from_utf8_lossy(content.unwrap_or_default()).into_owned()
    };
    let digest = image_digest(&bytes).map_err(|error| wrong(error.to_string()))?;
    let message = authenticode::to_be_signed(&digest).map_err(|error| wrong(error.to_string()))?;
    let item = UkiItem {
        authenticode_sha256: Digest(digest).to_string(),
        size: bytes.len() as u64,
        command_line: text(".cmdline"),
        kernel: text(".uname"),
    };
    Ok((message, item))
}

fn read(path: &Path) -> Result<Vec<u8>, Error> {
    fs::read(path).map_err(|source| Error::Read {
        path: path.to_owned(),
        source,
    })
}
