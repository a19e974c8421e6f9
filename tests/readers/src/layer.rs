//! Tar streams, and container images of them.

use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;

use source::fetch::Digest;
use source::layer::archive::{Archive, EntryKind};
use source::layer::{Layer, LayerKind, Listing, TarBytes, decompress};
use source::oci::{self, Place, Reference};
use source::tree::{Tree, dump};

use crate::{MOST, repair_tar, with_file};

pub(crate) fn layer(bytes: &[u8]) {
    if let Some(listing) = Listing::from_bytes(bytes) {
        let again = Listing::from_bytes(&listing.to_bytes());
        assert_eq!(again, Some(listing));
    }
    if let Some(stream) = unpacked(bytes) {
        let repaired = repair_tar(&stream);
        archive(&repaired);
        merge_bytes(&repaired);
    }
}

/// What is in a stream; none where it is longer than is read here.
fn unpacked(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut stream = Vec::new();
    let input = decompress(bytes, bytes).ok()?;
    // What comes before an error is read by others, too.
    let _ = input.take(MOST).read_to_end(&mut stream);
    (stream.len() < MOST as usize).then_some(stream)
}

/// Reads entries and their contents, one after the other.
fn archive(stream: &[u8]) {
    let mut archive = Archive::new(stream);
    let mut left = MOST;
    while let Ok(Some(entry)) = archive.next_entry() {
        let EntryKind::File(size) = entry.kind else {
            continue;
        };
        let mut content = Vec::new();
        let read = archive.content().take(left).read_to_end(&mut content);
        left = left.saturating_sub(content.len() as u64);
        if left == 0 {
            return;
        }
        if read.is_ok() {
            assert_eq!(content.len() as u64, size);
        }
    }
    let _ = archive.finish();
}

/// Merges a stream by one rule over itself by the other, so that it meets what it made.
fn merge_bytes(bytes: &[u8]) {
    let bytes: Arc<[u8]> = bytes.into();
    let layer = |kind| -> Arc<dyn Layer> {
        Arc::new(TarBytes {
            name: "layer".to_owned(),
            bytes: Arc::clone(&bytes),
            kind,
        })
    };
    let (archive, oci) = (layer(LayerKind::Archive), layer(LayerKind::Oci));
    merge(&[Arc::clone(&archive), Arc::clone(&oci)]);
    merge(&[oci, archive]);
}

/// Merges layers, and reads all of what comes out.
pub(crate) fn merge(layers: &[Arc<dyn Layer>]) {
    let mut tree = Tree::new();
    if tree.add_layers(layers).is_err() {
        return;
    }
    let _ = dump::dump(&tree);
    let _ = tree.outline();
    if tree.totals().bytes < MOST {
        let _ = dump::dump_with_contents(&tree);
        let _ = tree.identity();
    }
    let paths: Vec<Vec<u8>> = tree
        .iter()
        .take(50)
        .map(|(path, ..)| path.to_vec())
        .collect();
    for path in &paths {
        let _ = tree.resolve(path);
        let _ = tree.subtree(path);
    }
    let _ = source::inventory::installed(&tree);
    let _ = source::kernel::Kernel::find(&tree, None);
}

/// Documents with 0xff between them, which no text has: index, manifest, configuration, layer. In
/// the first three, `@1` stands for the digest and `#1` for the size of the second, and so on.
pub(crate) fn oci(bytes: &[u8]) {
    let mut parts = bytes.splitn(4, |byte| *byte == 0xff);
    let [index, manifest, config, layer] = [(); 4].map(|()| parts.next().unwrap_or_default());
    let layer = repair_tar(layer);
    let config = filled(config, &[(3, &layer)]);
    let manifest = filled(manifest, &[(2, &config), (3, &layer)]);
    let index = filled(index, &[(1, &manifest), (2, &config), (3, &layer)]);

    let mut layout = tar::Builder::new(Vec::new());
    add(
        &mut layout,
        "oci-layout",
        br#"{"imageLayoutVersion":"1.0.0"}"#,
    );
    add(&mut layout, "index.json", &index);
    for blob in [&manifest, &config, &layer] {
        add(
            &mut layout,
            &format!("blobs/sha256/{}", Digest::of(blob)),
            blob,
        );
    }
    open(layout, Place::Archive);

    let mut saved = tar::Builder::new(Vec::new());
    add(&mut saved, "manifest.json", &index);
    add(&mut saved, "config.json", &config);
    add(&mut saved, "layer.tar", &layer);
    open(saved, Place::DockerArchive);

    // And as a file of its own.
    for place in [Place::Archive, Place::DockerArchive] {
        with_file(bytes, |path| image(path, place));
    }
}

fn filled(text: &[u8], parts: &[(usize, &[u8])]) -> Vec<u8> {
    let Ok(text) = std::str::from_utf8(text) else {
        return text.to_vec();
    };
    let fill = |text: String, (number, part): &(usize, &[u8])| {
        let digest = format!("sha256:{}", Digest::of(part));
        let text = text.replace(&format!("@{number}"), &digest);
        text.replace(&format!("#{number}"), &part.len().to_string())
    };
    // No more than a few: each is longer than what stands for it.
    let few = text.matches(['@', '#']).count() < 1000;
    let parts = if few { parts } else { &[] };
    parts.iter().fold(text.to_owned(), fill).into_bytes()
}

fn add(tar: &mut tar::Builder<Vec<u8>>, name: &str, bytes: &[u8]) {
    let mut header = tar::Header::new_ustar();
    header.set_size(bytes.len() as u64);
    header.set_mode(0o644);
    tar.append_data(&mut header, name, bytes)
        .expect("a tar stream in memory");
}

fn open(tar: tar::Builder<Vec<u8>>, place: fn(std::path::PathBuf) -> Place) {
    let bytes = tar.into_inner().expect("a tar stream in memory");
    with_file(&bytes, |path| image(path, place));
}

fn image(path: &Path, place: fn(std::path::PathBuf) -> Place) {
    let reference = Reference {
        place: place(path.to_owned()),
        tag: None,
        digest: None,
    };
    let _ = oci::artifact_type(None, &reference, &());
    let Ok(image) = oci::Image::open(&reference) else {
        return;
    };
    let _ = image.config.program.command().count();
    let layers: Vec<Arc<dyn Layer>> = image.layers.clone();
    let short = |layer: &Arc<dyn Layer>| {
        let copy = |stream: Box<dyn Read + Send + '_>| {
            io::copy(&mut stream.take(MOST), &mut io::sink()).unwrap_or_default()
        };
        layer.open().map_or(0, copy) < MOST
    };
    if layers.iter().all(short) {
        merge(&layers);
    }
}
