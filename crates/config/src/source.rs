//! Where a tree comes from: one row of a `source` list.

use std::path::{Path, PathBuf};

use ::source::oci::Reference;
use serde::{Deserialize, Serialize};
use source::alpine::Relation;

/// One source: exactly one of `recovery`, `toolbox`, `image`, `debian`, `deb`, `alpine`, `apk`, `tar`,
/// `directory` is set.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Source {
    /// sealboot's recovery system, as `[recovery]` describes it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub recovery: bool,
    /// sealboot's toolbox: for a root its userland with the `sealboot` command and all that a
    /// release is made of, as `[toolbox]` describes it. For kernel, firmware and stub those in the
    /// toolbox that this `sealboot` runs in.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub toolbox: bool,
    /// A container image: `oci://registry/name[:tag][@sha256:…]`, `oci:FOLDER[:tag]`,
    /// `oci-archive:FILE[:tag]`, `docker-archive:FILE[:tag]`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<Reference>,
    /// Debian packages by name (`kmod`, `kmod=34.2-2`).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub debian: Vec<String>,
    /// Which of their dependencies come along; goes with `debian` and `alpine`. All when not set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub follow: Option<Follow>,
    /// Packages to leave out although something depends on them; goes with the same.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub without: Vec<String>,
    /// Local `.deb` files.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub deb: Vec<PathBuf>,
    /// Alpine packages, as in `/etc/apk/world` (`busybox`, `openssh>9`, `!dhcpcd`).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub alpine: Vec<String>,
    /// Local `.apk` files, signed with one of `alpine.keys`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub apk: Vec<PathBuf>,
    /// A tar file, plain or compressed with gzip, xz or zstd.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tar: Option<PathBuf>,
    /// A directory of this machine. Everything in it is owned by root in the image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub directory: Option<PathBuf>,
}

/// Which dependencies of packages come along.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Follow {
    /// All, for programs that are to run.
    #[default]
    All,
    /// Those built from the same source: from `linux-image-amd64` to the kernel that it stands
    /// for, not to the programs that the kernel's scripts would call.
    SameSource,
    /// None.
    Nothing,
}

impl From<Follow> for source::resolve::Follow {
    fn from(follow: Follow) -> Self {
        match follow {
            Follow::All => Self::All,
            Follow::SameSource => Self::SameSource,
            Follow::Nothing => Self::Nothing,
        }
    }
}

/// The kinds, for messages.
const KINDS: &str = "recovery, toolbox, image, debian, deb, alpine, apk, tar, directory";

/// A checked [`Source`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum SourceKind<'a> {
    /// sealboot's recovery system.
    Recovery,
    /// sealboot's toolbox.
    Toolbox,
    /// A container image.
    Image(&'a Reference),
    /// Packages of Debian's archive, which dependencies to follow, and names to leave out.
    Debian(&'a [String], Follow, &'a [String]),
    /// Package files.
    Debs(&'a [PathBuf]),
    /// Packages of Alpine's archive, and the same.
    Alpine(&'a [String], Follow, &'a [String]),
    /// Package files.
    Apks(&'a [PathBuf]),
    /// A tar file.
    Tar(&'a Path),
    /// A directory.
    Directory(&'a Path),
}

impl Source {
    /// Packages of Debian's archive.
    pub fn debian(names: &[&str], follow: Follow) -> Self {
        let follow = (follow != Follow::All).then_some(follow);
        Self {
            debian: super::strings(names),
            follow,
            ..Self::default()
        }
    }

    /// Packages of Alpine's archive with all dependencies.
    pub fn alpine(names: &[&str]) -> Self {
        Self {
            alpine: super::strings(names),
            ..Self::default()
        }
    }

    /// sealboot's toolbox.
    pub fn toolbox() -> Self {
        Self {
            toolbox: true,
            ..Self::default()
        }
    }

    /// sealboot's recovery system.
    pub fn recovery() -> Self {
        Self {
            recovery: true,
            ..Self::default()
        }
    }

    /// Whether it needs Debian's archive.
    pub fn needs_debian(&self) -> bool {
        !self.debian.is_empty()
    }

    /// Whether it needs Alpine's archive.
    pub fn needs_alpine(&self) -> bool {
        !self.alpine.is_empty()
    }

    /// Which kind this is, or why it is none.
    pub fn kind(&self) -> Result<SourceKind<'_>, String> {
        let follow = self.follow.unwrap_or_default();
        let debian = SourceKind::Debian(&self.debian, follow, &self.without);
        let alpine = SourceKind::Alpine(&self.alpine, follow, &self.without);
        let archive_only = self.follow.is_some() || !self.without.is_empty();
        let kinds = [
            self.recovery.then_some(SourceKind::Recovery),
            self.toolbox.then_some(SourceKind::Toolbox),
            self.image.as_ref().map(SourceKind::Image),
            (!self.debian.is_empty()).then_some(debian),
            (!self.deb.is_empty()).then_some(SourceKind::Debs(&self.deb)),
            (!self.alpine.is_empty()).then_some(alpine),
            (!self.apk.is_empty()).then_some(SourceKind::Apks(&self.apk)),
            self.tar.as_deref().map(SourceKind::Tar),
            self.directory.as_deref().map(SourceKind::Directory),
        ];
        let wrong = self
            .alpine
            .iter()
            .find_map(|text| text.parse::<Relation>().err());
        if let Some(wrong) = wrong {
            return Err(wrong.to_string());
        }
        let mut set = kinds.into_iter().flatten();
        match (set.next(), set.next()) {
            (Some(kind), None) if !archive_only || kind == debian || kind == alpine => Ok(kind),
            (Some(_), None) => {
                Err("'follow' and 'without' go with 'debian' and 'alpine' only".to_owned())
            }
            (None, _) => Err(format!("it names none of {KINDS}")),
            (Some(_), Some(_)) => Err(format!(
                "it names several of {KINDS}: make each an entry of its own, in the order wanted"
            )),
        }
    }

    /// Makes relative paths absolute, seen from `folder`.
    pub(super) fn anchor(&mut self, folder: &Path) {
        let paths = self
            .deb
            .iter_mut()
            .chain(&mut self.apk)
            .chain(&mut self.tar)
            .chain(&mut self.directory);
        for path in paths {
            *path = folder.join(&path);
        }
        if let Some(image) = &mut self.image {
            image.anchor(folder);
        }
    }
}
