//! Overlays, read by the program whose format it is.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use formats::qcow2::{CLUSTER, overlay};
use tests::stdout;

const PACKAGE: &str = "qemu-utils";

/// What the overlay over `image` holds.
fn flattened(folder: &Path, image: &Path, bytes: &[u8]) -> Vec<u8> {
    let (file, flat) = (folder.join("overlay.qcow2"), folder.join("flat.img"));
    fs::write(&file, bytes).unwrap();
    let mut check = Command::new("qemu-img");
    check.args(["check", "-f", "qcow2"]).arg(&file);
    let said = String::from_utf8(stdout(PACKAGE, &mut check)).unwrap();
    assert!(said.contains("No errors"), "{said}");
    let mut convert = Command::new("qemu-img");
    let over = format!(
        "driver=qcow2,file.driver=file,file.filename={}",
        file.display()
    );
    let under = "backing.driver=raw,backing.file.driver=file,backing.file.filename";
    convert.args(["convert", "-O", "raw", "--image-opts"]);
    convert
        .arg(format!("{over},{under}={}", image.display()))
        .arg(&flat);
    stdout(PACKAGE, &mut convert);
    fs::read(flat).unwrap()
}

#[test]
fn an_overlay_is_its_image_with_changes_and_room_behind() {
    let folder = tempfile::tempdir().unwrap();
    let image = folder.path().join("disk.img");
    let content: Vec<u8> = (0..CLUSTER * 3 + 512).map(|at| (at / 512) as u8).collect();
    fs::write(&image, &content).unwrap();
    // Two stretches of clusters: the second L2 table starts at 512 MiB.
    let size = 513 << 20;
    let changed = BTreeMap::from([
        (1, vec![0xaa; CLUSTER as usize]),
        (3, vec![0xbb; CLUSTER as usize]),
        (8192, vec![0xcc; CLUSTER as usize]),
    ]);
    let mut expected = content;
    expected.resize(size, 0);
    for (cluster, bytes) in &changed {
        let start = (cluster * CLUSTER) as usize;
        expected[start..start + bytes.len()].copy_from_slice(bytes);
    }
    let found = flattened(
        folder.path(),
        &image,
        &overlay(size as u64, &changed).unwrap(),
    );
    assert!(found == expected, "the disk differs");
}

#[test]
fn an_overlay_without_changes_is_its_image() {
    let folder = tempfile::tempdir().unwrap();
    let image = folder.path().join("disk.img");
    let content = vec![7; 1536];
    fs::write(&image, &content).unwrap();
    let found = flattened(
        folder.path(),
        &image,
        &overlay(1536, &BTreeMap::new()).unwrap(),
    );
    assert_eq!(found, content);
}
