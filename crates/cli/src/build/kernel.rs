//! The kernel of a release, its modules, and which of them the initrd needs.

use std::collections::BTreeMap;

use anyhow::Context;
use artifact::initrd::{ChosenModules, DEFAULT_MODULES};
use contract::modules;
use source::kernel::{Error, Kernel, ModuleSet, Setting};
use source::tree::Tree;

use super::work::Work;
use crate::exit::{Code, Failure, WithCode, of_input};

mod stored;

/// The kernel of `kernel.source`: the only one, or the one of that version.
pub fn find(tree: &Tree, version: Option<&str>) -> anyhow::Result<Kernel> {
    Kernel::find(tree, version).map_err(|error| {
        let what = match &error {
            Error::Several { .. } => "kernel.version must say which of kernel.source is meant",
            _ => "kernel.source does not have what a release needs",
        };
        failure(error, what)
    })
}

/// What is made of a kernel's modules.
pub struct Modules {
    /// How many there are.
    pub count: usize,
    /// The initrd's.
    pub chosen: ChosenModules,
    /// The index files of all, as shipped: name → bytes.
    pub indexes: BTreeMap<String, Vec<u8>>,
}

/// Reads all modules of the kernel, or finds what was made of the same ones before. `overlay` says
/// whether a root is laid over with memory, `more` are the initrd's beside those that it always has.
pub fn modules(
    tree: &Tree,
    kernel: &Kernel,
    overlay: bool,
    more: &[String],
    work: &Work,
) -> anyhow::Result<Modules> {
    let what = "kernel.source does not have what a release needs";
    let mapped = [u8::from(overlay)];
    let mut inputs: Vec<&[u8]> = vec![kernel.version.as_bytes(), &mapped];
    inputs.extend(more.iter().map(|name| name.as_bytes()));
    let folder = tree.subtree(&kernel.modules).unwrap_or_default();
    let made = work.files(("modules", &inputs[..]), &folder, || {
        let set = read(tree, kernel, overlay)?;
        let chosen = choose(&set, tree, more)?;
        let indexes = set.indexes().map_err(|error| failure(error, what))?;
        let indexes = indexes.into_iter();
        Ok(stored::pack(&Modules {
            count: set.modules.len(),
            chosen,
            indexes: indexes
                .map(|index| (index.name.to_owned(), index.bytes))
                .collect(),
        }))
    })?;
    stored::unpack(&kernel.version, made).context("what was made of the modules cannot be read")
}

/// All its modules; without those that map and mount images a release would not start.
fn read(tree: &Tree, kernel: &Kernel, overlay: bool) -> anyhow::Result<ModuleSet> {
    let what = "kernel.source does not have what a release needs";
    let set = ModuleSet::read(tree, kernel).map_err(|error| failure(error, what))?;
    let overlay = overlay.then_some(modules::OVERLAY);
    let needed = modules::REQUIRED.iter().copied().chain(overlay);
    let missing = set
        .closure(needed)
        .map_err(|error| failure(error, what))?
        .missing;
    if missing.is_empty() {
        return Ok(set);
    }
    let what = format!(
        "kernel {} cannot start a release: neither its modules nor its modules.builtin have {}; \
         another kernel is needed",
        kernel.version,
        missing.join(", ")
    );
    Err(anyhow::anyhow!(what)).code(Code::Missing)
}

/// The initrd's modules, and those that `initrd.modules` adds.
fn choose(set: &ModuleSet, tree: &Tree, more: &[String]) -> anyhow::Result<ChosenModules> {
    let names = more.iter().map(String::as_str);
    let chosen = ChosenModules::choose(set, tree, DEFAULT_MODULES, names)
        .context("the initrd's modules cannot be put together")
        .input_code()?;
    match more.iter().find(|name| chosen.missing.contains(name)) {
        None => Ok(chosen),
        Some(name) => Err(anyhow::anyhow!(
            "initrd.modules names {name:?}, which kernel {} has not",
            set.version
        ))
        .code(Code::Missing),
    }
}

/// The option that a kernel needs to read images with a compressor, without `CONFIG_`. Where nothing
/// is compressed, the superblock still names zstd.
const READS: &[(&str, &str)] = &[
    ("zstd", "SQUASHFS_ZSTD"),
    ("xz", "SQUASHFS_XZ"),
    ("gzip", "SQUASHFS_ZLIB"),
    ("lz4", "SQUASHFS_LZ4"),
    ("none", "SQUASHFS_ZSTD"),
];

/// Whether the kernel, as far as it says how it was built, reads images with this compressor.
pub fn reads(kernel: &Kernel, compressor: &str) -> anyhow::Result<()> {
    let option = READS.iter().find(|(name, _)| *name == compressor);
    // Without squashfs at all, its module is what is missed.
    let config = kernel.config.as_ref();
    let config = config.filter(|config| *config.option("SQUASHFS") != Setting::Unset);
    match (config, option) {
        (Some(config), Some((_, option))) if !config.is_built_in(option) => {
            let version = &kernel.version;
            Err(anyhow::anyhow!(
                "kernel {version} cannot read what image.compressor = \"{compressor}\" makes: it was \
                 built without CONFIG_{option}"
            ))
            .code(Code::Missing)
        }
        _ => Ok(()),
    }
}

fn failure(error: Error, what: &'static str) -> anyhow::Error {
    let missing = matches!(error, Error::Missing { .. } | Error::NoModules { .. });
    let several = matches!(error, Error::Several { .. });
    let error = anyhow::Error::from(error);
    let code = match (missing, several) {
        (true, _) => Code::Missing,
        (_, true) => Code::Usage,
        _ => of_input(&error),
    };
    Failure::new(code, error.context(what)).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use source::kernel::Config;

    #[test]
    fn a_kernel_that_cannot_read_the_images_is_refused() {
        let mut kernel = Kernel {
            version: "6.12".to_owned(),
            image_path: String::new(),
            image: Vec::new(),
            modules: String::new(),
            config: Some(Config::parse("CONFIG_SQUASHFS=m\nCONFIG_SQUASHFS_ZSTD=y\n")),
            config_path: None,
        };
        assert!(reads(&kernel, "zstd").is_ok());
        assert!(reads(&kernel, "none").is_ok());
        let error = reads(&kernel, "lz4").unwrap_err().to_string();
        assert!(error.contains("CONFIG_SQUASHFS_LZ4"), "{error}");
        kernel.config = None;
        assert!(reads(&kernel, "lz4").is_ok());
    }
}
