//! A kernel in a tree: its image, its configuration, its modules.
//!
//! Distributions put them in different places:
//!
//! | | image | modules |
//! |---|---|---|
//! | Debian 13, Ubuntu | `boot/vmlinuz-<version>` | `usr/lib/modules/<version>` |
//! | Debian 12, Alpine | `boot/vmlinuz-<version>` | `lib/modules/<version>` |
//! | Arch, Fedora | `usr/lib/modules/<version>/vmlinuz` | the same folder |

mod closure;
mod config;
mod decompress;
mod modules;
mod placed;
#[cfg(test)]
mod tests;
mod vmlinuz;

use std::collections::BTreeMap;

use crate::tree::{self, Tree};

pub use closure::Closure;
pub use config::{Config, Setting};
pub use decompress::{SIZE_LIMIT, decompress};
pub use modules::{Module, ModuleSet};
pub use placed::{Storage, image_tree};
pub use vmlinuz::{ImageProblem, version as image_version};

/// Folders whose folders are kernels' modules.
const MODULES: [&str; 2] = ["usr/lib/modules", "lib/modules"];

/// The largest kernel image or configuration that is read, in bytes.
const IMAGE_LIMIT: u64 = 512 << 20;

/// A kernel that was found in a tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kernel {
    /// As `uname -r` prints it.
    pub version: String,
    /// Path of the image in the tree.
    pub image_path: String,
    /// The image: a PE file with EFI stub, as the distribution ships (and perhaps signs) it.
    pub image: Vec<u8>,
    /// Path of the modules in the tree: `usr/lib/modules/<version>`.
    pub modules: String,
    /// Its configuration, when it lies beside it.
    pub config: Option<Config>,
    /// Path of that in the tree.
    pub config_path: Option<String>,
}

/// Why there is no kernel, or none with its modules.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No image, or not the one asked for.
    #[error(
        "no kernel{} in the tree: boot/vmlinuz-<version> or usr/lib/modules/<version>/vmlinuz, \
         with its modules in usr/lib/modules/<version> or lib/modules/<version>, is needed{}",
        wanted.as_ref().map(|version| format!(" {version}")).unwrap_or_default(),
        found(others)
    )]
    Missing {
        /// The version that was asked for.
        wanted: Option<String>,
        /// What is there of other kernels.
        others: Vec<String>,
    },
    /// Several kernels and no choice.
    #[error("there are several kernels in the tree: {}; name one's version", versions.join(", "))]
    Several {
        /// Their versions.
        versions: Vec<String>,
    },
    /// The image is of no use.
    #[error("the kernel image {path} cannot be used")]
    Image {
        /// Path in the tree.
        path: String,
        /// Why.
        source: ImageProblem,
    },
    /// A file beside the modules that is not text.
    #[error("{path} is not UTF-8 text")]
    Text {
        /// Path in the tree.
        path: String,
    },
    /// A module cannot be uncompressed.
    #[error("the module {path} cannot be read; is the package damaged?")]
    Read {
        /// Path in the tree.
        path: String,
        /// What the decompressor or the layer said.
        source: std::io::Error,
    },
    /// A module is no module.
    #[error("the module {path} cannot be used")]
    Module {
        /// Path in the tree.
        path: String,
        /// Why.
        source: formats::modinfo::Error,
    },
    /// A folder without a single module.
    #[error("there are no modules in {path}: files with the suffix .ko, .ko.xz, .ko.zst or .ko.gz")]
    NoModules {
        /// Path in the tree.
        path: String,
    },
    /// The indexes cannot be made.
    #[error("the module indexes of {version} cannot be made")]
    Index {
        /// The kernel's version.
        version: String,
        /// Why.
        source: formats::kmod_index::Error,
    },
    /// The tree cannot be read.
    #[error(transparent)]
    Tree(#[from] tree::Error),
}

fn found(others: &[String]) -> String {
    match others {
        [] => String::new(),
        others => format!("; found only {}", others.join(", ")),
    }
}

impl Kernel {
    /// Finds the tree's kernel: the only one, or the one of `version`. Reads and checks the
    /// image.
    pub fn find(tree: &Tree, version: Option<&str>) -> Result<Self, Error> {
        let mut kernels = BTreeMap::new();
        let mut others = Vec::new();
        for (found, image) in images(tree) {
            match modules(tree, &found) {
                _ if version.is_some_and(|version| version != found) => others.push(image),
                Some(modules) => {
                    kernels.entry(found).or_insert((image, modules));
                }
                None => others.push(format!("{image} without modules")),
            }
        }
        if kernels.len() > 1 {
            let versions = kernels.into_keys().collect();
            return Err(Error::Several { versions });
        }
        let Some((version, (image_path, modules))) = kernels.pop_first() else {
            let wanted = version.map(str::to_owned);
            return Err(Error::Missing { wanted, others });
        };
        let config_path = [
            format!("boot/config-{version}"),
            format!("{modules}/config"),
        ];
        let config_path = config_path.into_iter().find(|path| is_file(tree, path));
        let paths = std::iter::once(&image_path).chain(&config_path);
        let mut files = tree.read_many(paths, IMAGE_LIMIT)?.into_iter();
        let image = files.next().unwrap_or_default();
        let config = files.next();
        vmlinuz::check(&image, &version).map_err(|source| Error::Image {
            path: image_path.clone(),
            source,
        })?;
        let config = config.map(|bytes| Config::parse(&String::from_utf8_lossy(&bytes)));
        Ok(Self {
            version,
            image_path,
            image,
            modules,
            config,
            config_path,
        })
    }

    /// Whether this kernel can check root-hash signatures against the firmware's db.
    pub fn checks_root_hash_signatures(&self) -> bool {
        const OPTION: &str = "DM_VERITY_VERIFY_ROOTHASH_SIG_PLATFORM_KEYRING";
        let config = self.config.as_ref();
        config.is_some_and(|config| config.is_built_in(OPTION))
    }

    /// The options that this kernel lacks to enforce an execution policy, with `CONFIG_`: none
    /// when it can. Nothing is known without its configuration.
    pub fn lacks_for_execution_policy(&self) -> Option<Vec<String>> {
        let config = self.config.as_ref()?;
        let lacking = EXECUTION_POLICY.iter().filter(|o| !config.is_built_in(o));
        Some(lacking.map(|option| format!("CONFIG_{option}")).collect())
    }

    /// The security modules that it starts when its command line names none (`CONFIG_LSM`), comma
    /// separated.
    pub fn security_modules(&self) -> &str {
        match self.config.as_ref().map(|config| config.option("LSM")) {
            Some(Setting::Value(list)) => list,
            _ => "",
        }
    }
}

/// What a kernel needs to enforce an execution policy that is signed with the owner's db key, and
/// that names images by root hash (kernel: `security/ipe/Kconfig`).
const EXECUTION_POLICY: [&str; 3] = [
    "SECURITY_IPE",
    "IPE_PROP_DM_VERITY",
    "IPE_POLICY_SIG_PLATFORM_KEYRING",
];

/// Version → path of every image in the tree.
fn images(tree: &Tree) -> Vec<(String, String)> {
    let mut images = Vec::new();
    for (name, _, _) in tree.children("boot") {
        let version = std::str::from_utf8(name).ok();
        if let Some(version) = version.and_then(|name| name.strip_prefix("vmlinuz-")) {
            images.push((version.to_owned(), format!("boot/vmlinuz-{version}")));
        }
    }
    for folder in MODULES {
        for (version, _, _) in tree.children(folder) {
            if let Ok(version) = std::str::from_utf8(version) {
                images.push((version.to_owned(), format!("{folder}/{version}/vmlinuz")));
            }
        }
    }
    images.retain(|(_, path)| is_file(tree, path));
    images
}

/// The folder of a version's modules.
fn modules(tree: &Tree, version: &str) -> Option<String> {
    let folders = MODULES.map(|folder| format!("{folder}/{version}"));
    folders
        .into_iter()
        .find(|folder| tree.get(folder).is_some_and(tree::Node::is_directory))
}

fn is_file(tree: &Tree, path: &str) -> bool {
    tree.get(path).is_some_and(|node| node.content().is_some())
}
