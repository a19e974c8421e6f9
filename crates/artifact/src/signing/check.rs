//! A folder from the machine that built a release, believed in nothing.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::Path;

use contract::manifest::{Manifest, is_word, unhex};
use contract::{esp, out, policy};
use formats::authenticode;
use source::fetch::Digest;

use super::Error;
use super::format::{CERTIFICATE, Item, Kind, MESSAGE_END, REQUEST, Request, VERSION};

/// The most that a file of these folders may have, in bytes.
const LIMIT: u64 = 1 << 20;

/// A request that holds together: each message is of its kind, and they are what one release needs.
#[derive(Clone, Debug)]
pub struct ToSign {
    pub(super) request: Request,
    /// In the items' order.
    pub(super) messages: Vec<Vec<u8>>,
    pub(super) manifests: Vec<Manifest>,
    pub(super) certificate: Vec<u8>,
}

impl ToSign {
    /// Reads and checks a folder.
    pub fn read(folder: &Path) -> Result<Self, Error> {
        let path = folder.join(REQUEST);
        let request: Request = json(&path)?;
        if request.format != VERSION {
            let found = request.format;
            return Err(Error::Format { path, found });
        }
        let certificate = small(&folder.join(CERTIFICATE))?;
        let found = Digest::of(&certificate).to_string();
        if found != request.certificate_sha256 {
            let wanted = request.certificate_sha256;
            return Err(Error::Certificate { wanted, found });
        }
        let mut messages = Vec::new();
        for (index, item) in request.items.iter().enumerate() {
            let same = |other: &Item| other.name == item.name;
            if !is_word(&item.name) || request.items.iter().take(index).any(same) {
                return Err(wrong(item, "each item has a file name of its own"));
            }
            let message = small(&folder.join(format!("{}{MESSAGE_END}", item.name)))?;
            if Digest::of(&message).to_string() != item.sha256 {
                return Err(wrong(
                    item,
                    "its message is another one than the request names",
                ));
            }
            messages.push(message);
        }
        let manifests = manifests(&request, &messages)?;
        for (item, message) in request.items.iter().zip(&messages) {
            belongs(item, message, &manifests)?;
        }
        complete(&request, &manifests)?;
        Ok(Self {
            request,
            messages,
            manifests,
            certificate,
        })
    }

    /// What is asked for.
    pub fn request(&self) -> &Request {
        &self.request
    }

    /// Items and messages.
    pub(super) fn all(&self) -> impl Iterator<Item = (&Item, &[u8])> {
        let messages = self.messages.iter().map(Vec::as_slice);
        self.request.items.iter().zip(messages)
    }
}

/// The manifests among the messages, each as a build writes it.
fn manifests(request: &Request, messages: &[Vec<u8>]) -> Result<Vec<Manifest>, Error> {
    let mut found: Vec<Manifest> = Vec::new();
    let items = request.items.iter().zip(messages);
    for (item, message) in items.filter(|(item, _)| item.kind == Kind::Manifest) {
        let manifest = Manifest::from_json(message).map_err(|error| wrong(item, error))?;
        if manifest.to_json() != *message || esp::manifest_file(manifest.system_name()) != item.name
        {
            return Err(wrong(item, "it is not a manifest as sealboot writes it"));
        }
        if manifest.version != request.release {
            let other = format!(
                "it is of release {}, and the request is for {}",
                manifest.version, request.release
            );
            return Err(wrong(item, other));
        }
        found.push(manifest);
    }
    let systems = found.iter().filter_map(|manifest| manifest.system.as_ref());
    let all = systems.clone().next().map_or(1, |first| first.all.len());
    let differ = systems
        .clone()
        .any(|system| Some(&system.all) != systems.clone().next().map(|first| &first.all));
    if found.len() != all || differ {
        let what = format!("there are {} manifests of {all} systems", found.len());
        return Err(Error::Request(what));
    }
    Ok(found)
}

/// Whether a message says what its kind does, and what the manifests do.
fn belongs(item: &Item, message: &[u8], manifests: &[Manifest]) -> Result<(), Error> {
    let named = |system: &dyn Fn(&Manifest) -> Option<String>| {
        let of = |manifest: &&Manifest| system(manifest).as_ref() == Some(&item.name);
        manifests.iter().find(of)
    };
    if item.uki.is_some() != (item.kind == Kind::Uki) {
        return Err(wrong(item, "only what is said of a UKI is said of it"));
    }
    match item.kind {
        Kind::Manifest => Ok(()),
        Kind::RootHash => {
            let images = manifests.iter().flat_map(|manifest| &manifest.images);
            let mut own = images.filter(|image| esp::root_hash_file(image.stem()) == item.name);
            match own.next() {
                None => Err(wrong(item, "no manifest has such an image")),
                Some(image)
                    if image.root_hash.as_bytes() == message
                        && own.all(|other| other.root_hash == image.root_hash) =>
                {
                    Ok(())
                }
                Some(_) => Err(wrong(item, "the manifest has another root hash")),
            }
        }
        Kind::ExecutionPolicy => match named(&|manifest| manifest.policy.clone()) {
            None => Err(wrong(item, "no manifest has such a policy")),
            Some(manifest) if policy::text(manifest).as_bytes() == message => Ok(()),
            Some(_) => Err(wrong(
                item,
                "it allows something else than the manifest's images",
            )),
        },
        Kind::Uki => {
            let manifest = named(&|manifest| Some(out::uki(manifest.system_name())));
            let (Some(manifest), Some(uki)) = (manifest, &item.uki) else {
                return Err(wrong(item, "no manifest is for such a UKI"));
            };
            let digest = unhex::<32>(&uki.authenticode_sha256);
            let signed = digest.and_then(|digest| authenticode::to_be_signed(&digest).ok());
            if signed.as_deref() != Some(message) {
                return Err(wrong(
                    item,
                    "its message is not that of its Authenticode digest",
                ));
            }
            match uki.kernel == manifest.kernel {
                true => Ok(()),
                false => Err(wrong(item, "its kernel is another one than the manifest's")),
            }
        }
    }
}

/// Nothing that the release needs is left out: a part of one is none.
fn complete(request: &Request, manifests: &[Manifest]) -> Result<(), Error> {
    let needed = manifests.iter().flat_map(|manifest| {
        let system = manifest.system_name();
        let hashes = manifest.images.iter();
        let hashes = hashes.map(|image| esp::root_hash_file(image.stem()));
        let own = [esp::manifest_file(system), out::uki(system)];
        own.into_iter().chain(hashes).chain(manifest.policy.clone())
    });
    for name in needed {
        if !request.items.iter().any(|item| item.name == name) {
            return Err(Error::Request(format!("{name} is not in it")));
        }
    }
    Ok(())
}

fn wrong(item: &Item, problem: impl ToString) -> Error {
    Error::Item {
        item: item.name.clone(),
        problem: problem.to_string(),
    }
}

/// A file of one of the folders.
pub(super) fn small(path: &Path) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(LIMIT + 1).read_to_end(&mut bytes));
    let path = path.to_owned();
    match read {
        Err(source) => Err(Error::Read { path, source }),
        Ok(_) if bytes.len() as u64 > LIMIT => Err(Error::TooLarge { path, limit: LIMIT }),
        Ok(_) => Ok(bytes),
    }
}

/// The same, if there is one.
pub(super) fn small_if_there(path: &Path) -> Result<Option<Vec<u8>>, Error> {
    match small(path) {
        Err(Error::Read { source, .. }) if source.kind() == ErrorKind::NotFound => Ok(None),
        other => other.map(Some),
    }
}

pub(super) fn json<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T, Error> {
    serde_json::from_slice(&small(path)?).map_err(|source| Error::Json {
        path: path.to_owned(),
        source,
    })
}
