//! `sealboot image build`: sources, merged, as one image.

use std::path::Path;

use anyhow::Context;
use artifact::image::{self, BuiltImage};
use contract::esp;
use formats::hex;
use formats::squashfs;
use media::disk::guid_from;
use serde::Serialize;
use sha2::{Digest, Sha256};
use source::keys::sign_detached;
use source::oci::Reference;
use source::tree::Tree;

use super::new_file::NewFile;
use super::open_keys;
use crate::args;
use crate::build::plan::{self, Plan};
use crate::build::system::System;
use crate::build::work::Work;
use crate::build::{date, inputs};
use crate::exit::{Code, WithCode};
use crate::keys::OwnerKeys;
use crate::output;
use crate::progress::{self, Progress};
use config::{self, Config, Image, Root, Source};

/// What came out, with what a manifest says of an image.
#[derive(Serialize)]
pub(super) struct Made<'a> {
    /// Where it is.
    pub file: &'a Path,
    /// In bytes.
    pub size: u64,
    /// The hash tree, when there is one.
    #[serde(flatten)]
    pub verity: Option<Verity>,
}

/// Where a hash tree is, and what it says.
#[derive(Serialize)]
pub(super) struct Verity {
    /// What it covers, in bytes.
    pub data_size: u64,
    /// Where its superblock starts, in bytes.
    pub hash_offset: u64,
    /// In hex.
    pub salt: String,
    /// In hex.
    pub root_hash: String,
}

/// Does what the command line says.
pub fn build(options: &args::ImageBuild, json: bool, quiet: bool) -> anyhow::Result<()> {
    let config = config::load(options.config.as_deref()).code(Code::Usage)?;
    let squashfs = squashfs(options, &config.image)?;
    let keys = open_keys(&options.signing)?;
    let plan = plan(options, config)?;
    let progress = Progress::new(quiet || json);
    let tree = inputs::tree(&plan, &Work::open(&plan, &progress))?;
    let epoch = plan.epoch.unwrap_or_else(|| date::newest([&tree]));
    let seed = seed(&tree, epoch);
    let settings = image::Options {
        squashfs,
        source_date_epoch: epoch,
        salt: salt(&seed).to_vec(),
        uuid: guid_from(&seed, "image").to_bytes(),
    };
    let step = progress.step("image");
    let mut new = NewFile::create_large(&options.output)?;
    let mut tell = |at: image::Progress| step.bytes(at.done, at.total);
    let built = match options.no_verity {
        true => {
            image::build_squashfs(&tree, new.file(), &settings, &mut tell).map(|size| (size, None))
        }
        false => image::build(&tree, new.file(), &settings, &mut tell)
            .map(|built| (built.size, Some(Verity::from(built)))),
    };
    let (size, verity) = built
        .with_context(|| format!("the image {} cannot be made", options.output.display()))
        .input_code()?;
    new.publish()?;
    step.clear();
    sign(&options.output, verity.as_ref(), keys.as_ref())?;
    let file = &options.output;
    say(&Made { file, size, verity }, json)
}

impl From<BuiltImage> for Verity {
    fn from(built: BuiltImage) -> Self {
        Self {
            data_size: built.data_size,
            hash_offset: built.hash_offset,
            salt: hex(&built.salt),
            root_hash: hex(&built.root_hash),
        }
    }
}

/// How the command line says that the image is written, and where it does not, the configuration.
fn squashfs(options: &args::ImageBuild, image: &Image) -> anyhow::Result<squashfs::Options> {
    let mut image = image.clone();
    // A level is one compressor's own.
    if let Some(compressor) = options.compressor {
        image.compressor = compressor;
        image.level = None;
    }
    image.level = options.level.or(image.level);
    let asked = options.block_size.as_deref();
    if let Some(size) = asked.and_then(|kib| kib.parse().ok()) {
        image.block_size = size;
    }
    let compression = image.compression().map_err(anyhow::Error::msg);
    Ok(squashfs::Options {
        compression: compression.context("--level").code(Code::Usage)?,
        block_size: image.block_size * 1024,
        ..squashfs::Options::default()
    })
}

/// What a build would do that has this image as its root, and nothing else.
fn plan(options: &args::ImageBuild, mut config: Config) -> anyhow::Result<Plan> {
    let sources = options.from.iter().map(|text| source(text));
    config.root = Some(Root {
        source: sources.collect::<anyhow::Result<_>>()?,
        ..Root::default()
    });
    config.system = Vec::new();
    config.kernel.source = Vec::new();
    config.firmware.source = Vec::new();
    config.uki.stub = Vec::new();
    let usual = || plan::cache_folder(Path::new(""));
    Ok(Plan {
        cache: options.cache.clone().unwrap_or_else(usual),
        keep: None,
        out: options.output.parent().unwrap_or(Path::new("")).to_owned(),
        unsigned: false,
        offline: options.offline,
        epoch: date::given()?,
        systems: System::all(&config),
        config,
    })
}

/// One of what the command line names.
fn source(text: &str) -> anyhow::Result<Source> {
    let mut source = Source::default();
    let path = Path::new(text);
    let prefixes = ["oci:", "oci-archive:", "docker-archive:"];
    if prefixes.iter().any(|prefix| text.starts_with(prefix)) {
        source.image = Some(text.parse::<Reference>().code(Code::Usage)?);
    } else if path.is_dir() {
        source.directory = Some(path.to_owned());
    } else {
        match path.extension().and_then(|end| end.to_str()) {
            Some("deb") => source.deb = vec![path.to_owned()],
            Some("apk") => source.apk = vec![path.to_owned()],
            _ => source.tar = Some(path.to_owned()),
        }
    }
    Ok(source)
}

/// What salt and UUID come from: names, kinds, sizes and dates of all that is in the image.
fn seed(tree: &Tree, epoch: u32) -> [u8; 32] {
    Sha256::new_with_prefix("sealboot image")
        .chain_update(epoch.to_le_bytes())
        .chain_update(tree.outline())
        .finalize()
        .into()
}

/// A salt need not be secret or random, only different for different images.
pub(super) fn salt(seed: &[u8]) -> [u8; 32] {
    Sha256::new_with_prefix("salt")
        .chain_update(seed)
        .finalize()
        .into()
}

/// Writes root hash and signature beside an image.
pub(super) fn sign(
    image: &Path,
    verity: Option<&Verity>,
    keys: Option<&OwnerKeys>,
) -> anyhow::Result<()> {
    let (Some(verity), Some(signer)) = (verity, keys.and_then(OwnerKeys::db)) else {
        return Ok(());
    };
    let name = image.file_name().unwrap_or_default().to_string_lossy();
    let stem = esp::image_stem(&name);
    let root_hash = verity.root_hash.as_bytes();
    NewFile::write(&image.with_file_name(esp::root_hash_file(stem)), root_hash)?;
    let signature = sign_detached(signer, root_hash).code(Code::Keys)?;
    NewFile::write(&image.with_file_name(esp::signature_file(stem)), &signature)
}

/// Prints what came out.
pub(super) fn say(made: &Made<'_>, json: bool) -> anyhow::Result<()> {
    if json {
        return output::print_json(made);
    }
    let mut text = format!("{}: {}\n", made.file.display(), progress::size(made.size));
    if let Some(verity) = &made.verity {
        text.push_str(&format!("hash offset {}\n", verity.hash_offset));
        text.push_str(&format!("root hash   {}\n", verity.root_hash));
    }
    output::print(&text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_names_a_source() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().to_str().unwrap();
        let kind = |text: &str| {
            let source = source(text).unwrap();
            let set = [
                source.image.is_some(),
                !source.deb.is_empty(),
                !source.apk.is_empty(),
                source.directory.is_some(),
                source.tar.is_some(),
            ];
            assert!(source.kind().is_ok(), "{text}");
            set.iter().position(|set| *set).unwrap()
        };
        for (text, expected) in [
            ("oci:image:1.0", 0),
            ("oci://registry.example/a/b", 0),
            ("oci-archive:image.tar", 0),
            ("docker-archive:image.tar", 0),
            ("a/kmod_34.2-2_amd64.deb", 1),
            ("busybox.apk", 2),
            (folder, 3),
            ("root.tar.zst", 4),
            ("deb", 4),
        ] {
            assert_eq!(kind(text), expected, "{text}");
        }
        assert!(source("oci:").is_err());
    }
}
