//! `sealboot oci build`: the toolbox as a container image.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use artifact::oci::document::{Artifact, SPDX, Settings};
use artifact::oci::{Compression, Layout, difference};
use artifact::sbom::{self, Bill};
use artifact::toolbox::{BASE, WORK};
use contract::manifest::ImageName;
use contract::out::SBOM;
use contract::root;
use source::layer::{LayerKind, TarBytes};
use source::oci::{self, Place, Reference};
use source::tree::Tree;

use super::lock::Lock;
use super::parts::{self, Parts};
use super::plan::{self, Plan};
use super::system::System;
use super::work::Work;
use super::{container, date, inputs};
use crate::args;
use crate::exit::{Code, WithCode};
use crate::oci::copy;
use crate::progress::Progress;
use config::{self, Root, Source};

/// The tag that the image gets where none is named.
const TAG: &str = "latest";

/// gzip is what everything reads, and most of the layer is compressed already.
const COMPRESSION: Compression = Compression::Gzip(6);

/// What a userland may have at most as a compressed tar, in bytes.
const MOST_BASE: u64 = 1 << 30;

/// Does what the command line says.
pub fn verb(options: &args::OciBuild, json: bool, quiet: bool) -> anyhow::Result<()> {
    let to: Reference = options.to.parse().code(Code::Usage)?;
    let mut config = config::load(options.config.as_deref()).code(Code::Usage)?;
    super::fill_in_mirrors(&mut config);
    // The image is a recovery system: as a machine's root, it needs nothing else.
    config.root = Some(Root::default());
    config.recovery.source = vec![Source::toolbox()];
    config.system = Vec::new();
    let mut lock = Lock::load(options.config.as_deref())?;
    lock.pin(&mut config, options.update)?;
    let usual = || plan::cache_folder(Path::new(""));
    let plan = Plan {
        cache: options.cache.clone().unwrap_or_else(usual),
        keep: options.keep.size(),
        out: PathBuf::new(),
        unsigned: false,
        offline: options.offline,
        epoch: date::given()?,
        systems: System::all(&config),
        config,
    };
    let registries = to
        .is_remote()
        .then(|| inputs::client(&plan))
        .transpose()?
        .map(|client| container::registries(&plan.config, client));
    let progress = Progress::new(quiet || json);
    let work = Work::open(&plan, &progress);
    let inputs = inputs::gather(&plan, &mut lock, &work)?;
    let parts = parts::settle(&plan, inputs, &work)?;

    let step = progress.step("image");
    let making = || format!("{} cannot be written to", plan.cache.display());
    fs::create_dir_all(&plan.cache).with_context(making)?;
    let staging = tempfile::tempdir_in(&plan.cache).with_context(making)?;
    write(&parts, &plan.config.name, staging.path())?;
    let from = Reference {
        place: Place::Layout(staging.path().to_owned()),
        tag: Some(TAG.to_owned()),
        digest: None,
    };
    let copied = oci::copy(registries.as_ref(), &from, &to, &step).map_err(container::coded)?;
    step.clear();
    work.tidy();
    lock.write()?;
    copy::say(&copied, &copied.to.to_string(), json)
}

/// Writes the image of these parts into a new layout.
fn write(parts: &Parts, name: &str, folder: &Path) -> anyhow::Result<()> {
    let whole = whole(parts)?;
    let base: Arc<[u8]> = whole.read(BASE, MOST_BASE).input_code()?.into();
    let mut below = Tree::new();
    below
        .add_layer(Arc::new(TarBytes {
            name: BASE.to_owned(),
            bytes: base.clone(),
            kind: LayerKind::Archive,
        }))
        .input_code()?;
    let above = difference(&below, &whole).input_code()?;
    let mut layout = Layout::create(folder).code(Code::Failed)?;
    let layers = [
        layout.add_gzip(&base).code(Code::Failed)?,
        layout
            .add_layer(&above, COMPRESSION, parts.epoch)
            .code(Code::Failed)?,
    ];
    let settings = settings(parts, name)?;
    let image = layout
        .add_image(TAG, &settings, &layers)
        .code(Code::Failed)?;
    let bill = sbom::spdx(&Bill {
        name: &format!("{name} toolbox {}", parts.version),
        digest: &formats::hex(&image.digest),
        created: &settings.created,
        parts: &parts.components,
    });
    let bill = layout.add_blob(SPDX, &bill).code(Code::Failed)?;
    let annotations = BTreeMap::from([(
        "org.opencontainers.image.created".to_owned(),
        settings.created,
    )]);
    let artifact = Artifact {
        artifact_type: SPDX.to_owned(),
        subject: Some(image),
        files: vec![(bill, SBOM.to_owned())],
        annotations,
    };
    layout.add_artifact(None, &artifact).code(Code::Failed)?;
    layout.finish().code(Code::Failed)
}

/// Root, modules and firmware in one tree, as they are on a machine.
fn whole(parts: &Parts) -> anyhow::Result<Tree> {
    let mut whole = Tree::new();
    let roots = parts.systems.iter().map(|system| &system.root);
    for root in roots {
        whole.graft(String::new(), root).input_code()?;
    }
    // What is mounted over it has the last word.
    for (name, tree) in parts.images.iter().rev() {
        let place = match name {
            ImageName::Root => continue,
            ImageName::Modules => root::modules(&parts.kernel.version),
            ImageName::Firmware => root::FIRMWARE.to_owned(),
        };
        whole.graft(place, tree).input_code()?;
    }
    whole.clamp_mtimes(i64::from(parts.epoch));
    Ok(whole)
}

/// How the image is run, and what it says of itself (image-spec, annotations.md).
fn settings(parts: &Parts, name: &str) -> anyhow::Result<Settings> {
    let created = date::time(parts.epoch)?;
    let labels = [
        ("org.opencontainers.image.title", name.to_owned()),
        ("org.opencontainers.image.version", parts.version.clone()),
        ("org.opencontainers.image.created", created.clone()),
        (
            "org.opencontainers.image.description",
            format!(
                "builds signed releases over Linux {} without network, and boots as a recovery system",
                parts.kernel.version
            ),
        ),
    ];
    Ok(Settings {
        created,
        entrypoint: vec!["/usr/bin/sealboot".to_owned()],
        cmd: Vec::new(),
        environment: vec![
            "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".to_owned(),
        ],
        directory: format!("/{WORK}"),
        labels: labels
            .into_iter()
            .map(|(key, value)| (key.to_owned(), value))
            .collect::<BTreeMap<_, _>>(),
    })
}
