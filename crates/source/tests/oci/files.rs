//! Images in folders and tars.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use source::oci::{Image, Reference};
use source::tree::Tree;
use source::tree::dump::dump_with_contents;

use crate::fixture::{Change, Contents, INDEX, Layer, MANIFEST, TAR, ZSTD, gzip, hex, plain, tar};

/// The tree of an image, or the whole chain of what is wrong.
fn open(reference: &str) -> Result<String, String> {
    let explain = |error: &dyn std::error::Error| {
        let mut text = error.to_string();
        let mut cause = error.source();
        while let Some(error) = cause {
            text = format!("{text}: {error}");
            cause = error.source();
        }
        text
    };
    let reference: Reference = reference.parse().unwrap();
    let image = Image::open(&reference).map_err(|error| explain(&error))?;
    let mut tree = Tree::new();
    for layer in image.layers {
        tree.add_layer(layer).map_err(|error| explain(&error))?;
    }
    dump_with_contents(&tree).map_err(|error| explain(&error))
}

fn folder(contents: &Contents) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    contents.write(folder.path());
    let reference = format!("oci:{}", folder.path().display());
    (folder, reference)
}

fn file(bytes: &[u8]) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("image.tar");
    fs::write(&path, bytes).unwrap();
    (folder, path)
}

/// The tree that [`Contents::default`] stands for.
fn expected() -> String {
    let one = hex(b"one");
    let init = hex(b"#!/bin/sh\n");
    format!(
        "d 0755 0:0 0 /\nd 0755 0:0 0 /etc\n\
         f 0644 0:0 1700000000 /etc/name size=3 sha256={one}\nd 0755 0:0 0 /sbin\n\
         f 0755 0:0 1700000000 /sbin/init size=10 sha256={init}\n"
    )
}

#[test]
fn folders_and_tars_hold_the_same() {
    let contents = Contents::default();
    let (_kept, named) = folder(&contents);
    assert_eq!(open(&named), Ok(expected()));
    assert_eq!(open(&format!("{named}:1.0")), Ok(expected()));
    let (_kept, path) = file(&contents.archive());
    assert_eq!(
        open(&format!("oci-archive:{}", path.display())),
        Ok(expected())
    );
    let (_kept, path) = file(&contents.docker_archive(|_| {}));
    for tag in ["", ":1.0", ":system:1.0", ":one.example/system:1.0"] {
        let named = format!("docker-archive:{}{tag}", path.display());
        assert_eq!(open(&named), Ok(expected()), "{named}");
    }
}

#[test]
fn an_image_says_what_it_is_and_what_to_run() {
    let (_kept, named) = folder(&Contents::default());
    let image = Image::open(&named.parse().unwrap()).unwrap();
    let program = &image.config.program;
    assert_eq!(program.command().collect::<Vec<_>>(), ["/sbin/init"]);
    assert_eq!(program.env, ["PATH=/bin"]);
    assert_eq!(
        (program.user.as_str(), program.working_dir.as_str()),
        ("", "")
    );
    let with_digest = format!("{named}@sha256:{}", image.digest);
    assert_eq!(open(&with_digest), Ok(expected()));
    let other = format!("{named}@sha256:{}", "0".repeat(64));
    let error = open(&other).unwrap_err();
    assert!(error.contains("is another image"), "{error}");
    assert!(error.contains(&image.digest.to_string()), "{error}");
}

fn zstd(tar: &[u8]) -> Layer {
    Layer {
        media_type: ZSTD,
        blob: zstd::encode_all(tar, 3).unwrap(),
        ..plain(tar)
    }
}

/// Frames of their own for parts of the stream, and a table of contents that decoders skip.
fn zstd_chunked(tar: &[u8]) -> Layer {
    let skipped = |bytes: &[u8]| {
        [
            &[0x50, 0x2a, 0x4d, 0x18],
            &(bytes.len() as u32).to_le_bytes()[..],
            bytes,
        ]
        .concat()
    };
    let mut blob = skipped(b"in front");
    for part in tar.chunks(700) {
        blob.extend(zstd::encode_all(part, 3).unwrap());
    }
    blob.extend(skipped(b"{\"version\":1}"));
    blob.extend(skipped(b"footer"));
    Layer { blob, ..zstd(tar) }
}

#[test]
fn every_compression_is_read_whatever_the_media_type_says() {
    let packings: [fn(&[u8]) -> Layer; 4] = [plain, gzip, zstd, zstd_chunked];
    let whole = Contents::default();
    let tars = [
        tar(&[("etc/name", 0o644, b"one"), ("etc/old", 0o644, b"old")]),
        tar(&[
            ("etc/.wh.old", 0o644, b""),
            ("sbin/init", 0o755, b"#!/bin/sh\n"),
        ]),
    ];
    for (number, packing) in packings.iter().enumerate() {
        for media_type in [None, Some(TAR)] {
            let mut layers: Vec<Layer> = tars.iter().map(|tar| packing(tar)).collect();
            layers[0].media_type = media_type.unwrap_or(layers[0].media_type);
            let (_kept, named) = folder(&Contents {
                layers,
                ..whole.clone()
            });
            assert_eq!(open(&named), Ok(expected()), "packing {number}");
        }
    }
}

/// Another platform in front, this one twice behind it, the plain one last, in an index of its own.
fn nested(index: &mut Value, depth: usize, folder: &Path) {
    for _ in 0..depth {
        let mut inner = index["manifests"][0].clone();
        inner.as_object_mut().unwrap().remove("annotations");
        let other = |os: &str, architecture: &str, variant: Value| {
            json!({ "mediaType": MANIFEST, "digest": format!("sha256:{}", "1".repeat(64)), "size": 7,
                    "platform": { "os": os, "architecture": architecture, "variant": variant } })
        };
        inner["platform"] = json!({ "os": "linux", "architecture": "amd64" });
        let unknown = json!({ "mediaType": "application/x", "digest": "none", "size": 1 });
        let inner = json!({ "schemaVersion": 2, "manifests": [
            unknown, other("linux", "arm64", json!("v8")), other("windows", "amd64", Value::Null),
            other("unknown", "unknown", Value::Null), other("linux", "amd64", json!("v3")), inner ] });
        let bytes = inner.to_string();
        fs::write(
            folder.join("blobs/sha256").join(hex(bytes.as_bytes())),
            &bytes,
        )
        .unwrap();
        *index = json!({ "manifests": [{ "mediaType": INDEX, "size": bytes.len(),
            "digest": format!("sha256:{}", hex(bytes.as_bytes())) }] });
    }
}

#[test]
fn the_platform_is_found_in_nested_indexes() {
    for (depth, good) in [(1, true), (4, true), (5, false)] {
        let (kept, named) = folder(&Contents::default());
        let path = kept.path().join("index.json");
        let mut index: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        nested(&mut index, depth, kept.path());
        fs::write(&path, index.to_string()).unwrap();
        match open(&named) {
            Ok(tree) => assert!(good && tree == expected(), "{depth}: {tree}"),
            Err(error) => assert!(!good && error.contains("more than 4 indexes"), "{error}"),
        }
    }
}

type Spoil = fn(&Path);

fn nothing(_: &Path) {}

/// The file of the layout whose text contains `part`, or whose name does.
fn find(folder: &Path, part: &[u8]) -> PathBuf {
    let all = fs::read_dir(folder.join("blobs/sha256")).unwrap();
    let mut all = all.map(|entry| entry.unwrap().path());
    let found = all.find(|path| {
        let bytes = fs::read(path).unwrap();
        bytes.windows(part.len()).any(|window| window == part)
    });
    found.unwrap()
}

fn change(path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = fs::read(path).unwrap();
    change(&mut bytes);
    fs::write(path, bytes).unwrap();
}

const KEEP: Change = |_| {};
/// gzip's first bytes.
const PACKED: &[u8] = &[0x1f, 0x8b];

/// What is wrong: name, changes to configuration, manifest and index, then to the files.
type Row = (&'static str, [Change; 3], Spoil, &'static [&'static str]);

#[rustfmt::skip]
const ROWS: &[Row] = &[
    ("an altered layer", [KEEP; 3], |f| change(&find(f, PACKED), |b| b[20] ^= 1),
        &["cannot be opened", "has the SHA-256", "damaged or altered"]),
    ("a cut layer", [KEEP; 3], |f| change(&find(f, PACKED), |b| b.truncate(50)),
        &["is 50 bytes", "are expected"]),
    ("a layer that is not there", [KEEP; 3], |f| fs::remove_file(find(f, PACKED)).unwrap(),
        &["blob sha256:", "is not in", "not complete"]),
    ("a layer that is a folder", [KEEP; 3], |f| { let path = find(f, PACKED); fs::remove_file(&path).unwrap(); fs::create_dir(path).unwrap(); },
        &["cannot open", "is a directory"]),
    ("an altered configuration", [KEEP; 3], |f| change(&find(f, b"diff_ids"), |b| b[5] ^= 1),
        &["has the SHA-256", "damaged or altered"]),
    ("an altered manifest", [KEEP; 3], |f| change(&find(f, b"\"layers\":["), |b| b[5] ^= 1),
        &["has the SHA-256", "damaged or altered"]),
    ("no oci-layout", [KEEP; 3], |f| fs::remove_file(f.join("oci-layout")).unwrap(),
        &["is not an OCI layout", "no file oci-layout"]),
    ("another version", [KEEP; 3], |f| fs::write(f.join("oci-layout"), r#"{"imageLayoutVersion":"2.0"}"#).unwrap(),
        &["version is \"2.0\"", "1.0.0"]),
    ("no index", [KEEP; 3], |f| fs::remove_file(f.join("index.json")).unwrap(),
        &["no file index.json"]),
    ("an index that is none", [KEEP; 3], |f| fs::write(f.join("index.json"), "{").unwrap(),
        &["index.json in", "not the JSON", "EOF"]),
    ("an index without end", [KEEP; 3], |f| fs::File::options().write(true).open(f.join("index.json")).unwrap().set_len(5 << 20).unwrap(),
        &["index.json in", "5242880 bytes", "at most 4194304"]),
    ("an index of nothing", [KEEP, KEEP, |i| i["manifests"] = json!([])], nothing,
        &["holds nothing for linux/amd64", "no image at all"]),
    ("two images", [KEEP, KEEP, |i| { let mut two = i["manifests"][0].clone(); two["annotations"]["org.opencontainers.image.ref.name"] = json!("2.0"); two["digest"] = json!(format!("sha256:{}", "2".repeat(64))); i["manifests"].as_array_mut().unwrap().push(two); }], nothing,
        &["which image is meant", "1.0, 2.0"]),
    ("another platform", [KEEP, KEEP, |i| i["manifests"][0]["platform"] = json!({ "os": "linux", "architecture": "riscv64" })], nothing,
        &["nothing for linux/amd64", "linux/riscv64"]),
    ("another platform in the configuration", [|c| c["architecture"] = json!("arm64"), KEEP, KEEP], nothing,
        &["nothing for linux/amd64", "linux/arm64"]),
    ("an image for Windows", [|c| c["os"] = json!("windows"), KEEP, KEEP], nothing,
        &["nothing for linux/amd64", "windows/amd64"]),
    ("an unknown layer", [KEEP, |m| m["layers"][1]["mediaType"] = json!("application/x-cake"), KEEP], nothing,
        &["layer sha256:", "\"application/x-cake\"", "a layer is a tar"]),
    ("a foreign layer", [KEEP, |m| m["layers"][0]["mediaType"] = json!("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"), KEEP], nothing,
        &["layer sha256:", "foreign.diff.tar.gzip", "not kept with the image"]),
    ("an unknown configuration", [KEEP, |m| m["config"]["mediaType"] = json!("application/vnd.oci.empty.v1+json"), KEEP], nothing,
        &["configuration", "vnd.oci.empty", "not a container image"]),
    ("an unknown manifest", [KEEP, KEEP, |i| i["manifests"][0]["mediaType"] = json!("application/x-cake")], nothing,
        &["\"application/x-cake\"", "manifest or index"]),
    ("schema 1", [KEEP, KEEP, |i| i["manifests"][0]["mediaType"] = json!("application/vnd.docker.distribution.manifest.v1+prettyjws")], nothing,
        &["before 2016", "push the image again"]),
    ("schema 1 under another name", [KEEP, |m| { m["schemaVersion"] = json!(1); m["fsLayers"] = json!([]); }, KEEP], nothing,
        &["before 2016", "push the image again"]),
    ("both index and manifest", [KEEP, |m| m["manifests"] = json!([]), KEEP], nothing,
        &["both an index and a manifest"]),
    ("a manifest called index", [KEEP, |m| { m.as_object_mut().unwrap().remove("mediaType"); }, |i| i["manifests"][0]["mediaType"] = json!(INDEX)], nothing,
        &["not what its media type says", "no manifests"]),
    ("another name inside", [KEEP, |m| m["mediaType"] = json!(INDEX), KEEP], nothing,
        &["its own mediaType is another"]),
    ("sha512", [KEEP, |m| m["layers"][0]["digest"] = json!(format!("sha512:{}", "0".repeat(128))), KEEP], nothing,
        &["sha512:00", "sha256: and 64"]),
    ("a digest that leads out", [KEEP, |m| m["layers"][0]["digest"] = json!("sha256:../../../etc/passwd"), KEEP], nothing,
        &["etc/passwd", "cannot be checked"]),
    ("a negative size", [KEEP, |m| m["layers"][0]["size"] = json!(-1), KEEP], nothing,
        &["not the JSON", "integer"]),
    ("fewer diff_ids", [|c| c["rootfs"]["diff_ids"] = json!([]), KEEP, KEEP], nothing,
        &["2 layers and the configuration 0 diff_ids"]),
    ("a wrong diff_id", [|c| c["rootfs"]["diff_ids"][1] = c["rootfs"]["diff_ids"][0].clone(), KEEP, KEEP], nothing,
        &["layer 2 of 2 of oci:", "when it is uncompressed", "diff_id"]),
];

#[test]
fn whatever_does_not_fit_is_refused_by_name() {
    for (name, [config, manifest, index], spoil, words) in ROWS {
        let contents = Contents {
            config: *config,
            manifest: *manifest,
            index: *index,
            ..Contents::default()
        };
        let (kept, named) = folder(&contents);
        spoil(kept.path());
        let error = open(&named).expect_err(name);
        for word in *words {
            assert!(error.contains(word), "{name}: {word:?} is not in {error}");
        }
    }
}

#[test]
fn tags_are_looked_up() {
    let (kept, named) = folder(&Contents::default());
    let error = open(&format!("{named}:2.0")).unwrap_err();
    assert!(
        error.contains("no image has the tag \"2.0\"; tags there: 1.0"),
        "{error}"
    );
    let file = format!("oci:{}", kept.path().join("index.json").display());
    let error = open(&file).unwrap_err();
    assert!(
        error.contains("it is a file; a tar is named with oci-archive:"),
        "{error}"
    );
    let error = open("oci:absent").unwrap_err();
    assert!(
        error.contains("cannot open absent: No such file"),
        "{error}"
    );
}

#[test]
fn hostile_tars_are_refused() {
    let contents = Contents::default();
    let good = contents.archive();
    let mut flood = Vec::new();
    let name = "d/".repeat(49);
    for _ in 0..70_000 {
        flood.extend_from_slice(&tar(&[(&name, 0o644, b"")])[..512]);
    }
    let file_flood: Vec<u8> = {
        let one = tar(&[("f", 0o644, b"")]);
        one[..512].repeat(65_537)
    };
    let rows: &[(&str, Vec<u8>, &[&str])] = &[
        (
            "cut",
            good[..good.len() / 2].to_vec(),
            &["cannot be read as a tar", "too early"],
        ),
        (
            "no tar",
            vec![b'x'; 4096],
            &["cannot be read as a tar", "not a tar stream"],
        ),
        (
            "empty",
            Vec::new(),
            &["is not an OCI layout", "no file oci-layout"],
        ),
        (
            "packed",
            gzip(&good).blob,
            &["compressed as a whole", "gunzip"],
        ),
        (
            "docker",
            contents.docker_archive(|_| {}),
            &["no file oci-layout", "docker-archive:"],
        ),
        ("folders", flood, &["no file oci-layout"]),
        (
            "files",
            file_flood,
            &["more entries than an image can have"],
        ),
    ];
    for (name, bytes, words) in rows {
        let (_kept, path) = file(bytes);
        let error = open(&format!("oci-archive:{}", path.display())).expect_err(name);
        for word in *words {
            assert!(error.contains(word), "{name}: {word:?} is not in {error}");
        }
    }
}

#[test]
fn what_docker_saves_is_checked() {
    type Row = (&'static str, Change, &'static str, &'static [&'static str]);
    #[rustfmt::skip]
    let rows: &[Row] = &[
        ("no image", |m| *m = json!([]), "", &["which image is meant"]),
        ("two images", |m| { let two = m[0].clone(); m.as_array_mut().unwrap().push(two); }, "", &["which image is meant", "one.example/system:1.0"]),
        ("no tag", KEEP, ":2", &["no image has the tag \"2\"", "one.example/system:1.0"]),
        ("no configuration", |m| m[0]["Config"] = json!("a.json"), "", &["no file a.json"]),
        ("no layer", |m| m[0]["Layers"][0] = json!("x/layer.tar"), "", &["no file x/layer.tar"]),
        ("a layer twice", |m| m[0]["Layers"][1] = m[0]["Layers"][0].clone(), "", &["layer 2 of 2", "diff_id"]),
        ("fewer layers", |m| m[0]["Layers"] = json!([]), "", &["0 layers and the configuration 2"]),
    ];
    for (name, saved, tag, words) in rows {
        let (_kept, path) = file(&Contents::default().docker_archive(*saved));
        let error = open(&format!("docker-archive:{}{tag}", path.display())).expect_err(name);
        for word in *words {
            assert!(error.contains(word), "{name}: {word:?} is not in {error}");
        }
    }
    let (_kept, path) = file(&Contents::default().archive());
    let error = open(&format!("docker-archive:{}", path.display())).unwrap_err();
    assert!(
        error.contains("no file manifest.json; an OCI layout is named with"),
        "{error}"
    );
}

#[test]
fn links_in_a_tar_are_followed_and_end() {
    let contents = Contents::default();
    let mut link = tar::Header::new_gnu();
    let mut add = |name: &str, to: &str, kind| {
        link.as_old_mut().name = [0; 100];
        link.as_old_mut().linkname = [0; 100];
        link.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        link.as_old_mut().linkname[..to.len()].copy_from_slice(to.as_bytes());
        link.set_entry_type(kind);
        link.set_size(0);
        link.set_mode(0o777);
        link.set_uid(0);
        link.set_gid(0);
        link.set_mtime(0);
        link.set_cksum();
        link.as_bytes().to_vec()
    };
    let mut bytes = add(
        "./more/layer.tar",
        "../layer1/layer.tar",
        tar::EntryType::Symlink,
    );
    bytes.extend(add("other", "more/layer.tar", tar::EntryType::Link));
    bytes.extend(add("circle", "./circle", tar::EntryType::Symlink));
    let more = |saved: Change| [bytes.clone(), contents.docker_archive(saved)].concat();
    let (_kept, path) = file(&more(|m| m[0]["Layers"][1] = json!("other")));
    assert_eq!(
        open(&format!("docker-archive:{}", path.display())),
        Ok(expected())
    );
    let (_kept, path) = file(&more(|m| m[0]["Layers"][1] = json!("circle")));
    let error = open(&format!("docker-archive:{}", path.display())).unwrap_err();
    assert!(error.contains("no file circle"), "{error}");
}
