//! `sealboot.lock`: which image each tag stood for when it was first built. A tag is moved by
//! whoever owns it; a release is built from the same image until somebody asks for another one.

use std::collections::BTreeMap;
use std::fs;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;
use serde::{Deserialize, Serialize};
use source::fetch::Digest;
use source::oci::{Image, Reference};

use crate::exit::{Code, WithCode};
use config::{self, Config};

/// The file's name, in the configuration's folder.
const NAME: &str = "sealboot.lock";

const INTRODUCTION: &str = "\
# Which image each tag stood for. 'sealboot build --update' asks the registries again.
";

/// Tags and what they stand for.
#[derive(Clone, Debug, Default)]
pub struct Lock {
    path: PathBuf,
    /// What is in the file.
    written: Vec<Locked>,
    /// Tags that the configuration names, and their digest where it is known.
    tags: BTreeMap<String, Option<Digest>>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Locked {
    reference: String,
    digest: String,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct File {
    image: Vec<Locked>,
}

impl Lock {
    /// Reads the file beside the configuration, when there is one.
    pub fn load(config: Option<&Path>) -> anyhow::Result<Self> {
        let config = config.unwrap_or(Path::new(config::FILE_NAME));
        let path = config.parent().unwrap_or(Path::new("")).join(NAME);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
            Err(error) => {
                let what = format!("{} cannot be read", path.display());
                return Err(error).context(what).input_code();
            }
        };
        let file: File = toml::from_str(&text)
            .map_err(|error| anyhow::anyhow!(error.message().trim().to_owned()))
            .with_context(|| wrong(&path))
            .code(Code::Usage)?;
        let written = file.image;
        Ok(Self {
            path,
            written,
            tags: BTreeMap::new(),
        })
    }

    /// Gives every image of the configuration that is named by a tag in a registry the digest
    /// that the file has, unless tags are to be looked up again.
    pub fn pin(&mut self, config: &mut Config, update: bool) -> anyhow::Result<()> {
        for source in config::sources(config) {
            let Some(image) = source.image.as_mut() else {
                continue;
            };
            if !image.is_remote() || image.digest.is_some() {
                continue;
            }
            let tag = image.to_string();
            let known = self.written.iter().find(|one| one.reference == tag);
            if let (Some(known), false) = (known, update) {
                let pinned: Option<Reference> = format!("{tag}@{}", known.digest).parse().ok();
                let pinned = pinned
                    .with_context(|| wrong(&self.path))
                    .code(Code::Usage)?;
                *image = pinned;
            }
            self.tags.insert(tag, image.digest);
        }
        Ok(())
    }

    /// Notes what a tag turned out to be.
    pub fn resolved(&mut self, image: &Image) {
        let mut named = image.reference.clone();
        named.digest = None;
        if let Some(digest) = self.tags.get_mut(&named.to_string()) {
            *digest = Some(image.digest);
        }
    }

    /// The digest for a tag that was resolved in this build already: one build, one image.
    pub fn known(&self, reference: &Reference) -> Option<Digest> {
        self.tags.get(&reference.to_string()).copied().flatten()
    }

    /// Writes the file, when something in it changed.
    pub fn write(&self) -> anyhow::Result<()> {
        let locked = self.tags.iter().filter_map(|(reference, digest)| {
            Some(Locked {
                reference: reference.clone(),
                digest: format!("sha256:{}", (*digest)?),
            })
        });
        let image: Vec<Locked> = locked.collect();
        if image == self.written {
            return Ok(());
        }
        let text = format!("{INTRODUCTION}\n{}", toml::to_string(&File { image })?);
        let folder = self
            .path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty());
        let write = || -> std::io::Result<()> {
            let mut new = tempfile::NamedTempFile::new_in(folder.unwrap_or(Path::new(".")))?;
            new.write_all(text.as_bytes())?;
            new.as_file().sync_all()?;
            let mode = std::os::unix::fs::PermissionsExt::from_mode(0o644);
            new.as_file().set_permissions(mode)?;
            new.persist(&self.path)?;
            Ok(())
        };
        write()
            .with_context(|| format!("{} cannot be written", self.path.display()))
            .code(Code::Failed)
    }
}

fn wrong(path: &Path) -> String {
    format!(
        "{} is not what sealboot wrote; remove it, and the registries are asked again",
        path.display()
    )
}
