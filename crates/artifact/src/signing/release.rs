//! What a release in a folder needs signed.

use std::fs;
use std::path::Path;

use contract::manifest::Manifest;
use contract::{esp, out, policy};
use formats::authenticode::{self, image_digest};
use formats::pe::Pe;
use source::fetch::Digest;

use super::format::{
    CERTIFICATE, Item, Kind, MESSAGE_END, PAGE, REQUEST, Request, UkiItem, VERSION,
};
use super::{Error, ToSign};

impl ToSign {
    /// Everything that the key of `certificate` is to sign of the release of these manifests, whose files are in
    /// `folder`. UKIs have no signature yet.
    pub fn of_release(
        folder: &Path,
        manifests: &[Manifest],
        certificate: &[u8],
    ) -> Result<Self, Error> {
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
        Ok(Self {
            request: Request {
                format: VERSION,
                release: first.map(|first| first.version.clone()).unwrap_or_default(),
                certificate_sha256: Digest::of(certificate).to_string(),
                items: list.items,
            },
            messages: list.messages,
            manifests: manifests.to_vec(),
            certificate: certificate.to_vec(),
        })
    }

    /// The files of the folder that goes to the machine with the key: name, and content.
    pub fn files(&self) -> Vec<(String, Vec<u8>)> {
        let own = [
            (REQUEST.to_owned(), self.request.to_json()),
            (CERTIFICATE.to_owned(), self.certificate.clone()),
            (PAGE.to_owned(), self.to_string().into_bytes()),
        ];
        let messages = self.all();
        let messages = messages
            .map(|(item, message)| (format!("{}{MESSAGE_END}", item.name), message.to_vec()));
        own.into_iter().chain(messages).collect()
    }
}

impl Request {
    /// `request.json`: indented JSON with a final newline.
    pub fn to_json(&self) -> Vec<u8> {
        // Serialising strings and integers into memory has no way to fail.
        let mut bytes = serde_json::to_vec_pretty(self).unwrap_or_default();
        bytes.push(b'\n');
        bytes
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
