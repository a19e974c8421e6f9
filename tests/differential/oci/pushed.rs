//! What is written and pushed here, seen by skopeo and umoci through a real registry.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use artifact::oci::document::{Artifact, SPDX, Settings};
use artifact::oci::{Compression, Layout};
use source::oci::{self, Copied, Registries};
use source::tree::{Kind, Metadata, Node, Tree};

use super::http::{Server, forward};
use super::real_registry::Registry;
use super::registry::{image, registries};
use super::{assert_root, dump, tree, unpacked};

const EPOCH: u32 = 1_700_000_000;

fn copy(registries: &Registries, from: &str, to: &str) -> Result<Copied, String> {
    let (from, to) = (from.parse().unwrap(), to.parse().unwrap());
    oci::copy(Some(registries), &from, &to, &()).map_err(|error| {
        let cause = std::error::Error::source(&error).map(ToString::to_string);
        format!("{error}: {}", cause.unwrap_or_default())
    })
}

fn skopeo(line: &str) -> String {
    let mut skopeo = Command::new("skopeo");
    let words = ["--insecure-policy"].into_iter().chain(line.split(' '));
    String::from_utf8(tests::stdout("skopeo", skopeo.args(words))).unwrap()
}

fn blobs(layout: &Path) -> BTreeMap<String, Vec<u8>> {
    let all = fs::read_dir(layout.join("blobs/sha256")).unwrap();
    all.map(|entry| {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        (name, fs::read(entry.path()).unwrap())
    })
    .collect()
}

/// A tree with one of everything that a layer can hold.
fn filled() -> Tree {
    let mut tree = Tree::new();
    tree.add_dir("", 0o755).unwrap();
    tree.add_dir("etc", 0o1777).unwrap();
    tree.add_file("etc/hosts", &b"127.0.0.1 localhost\n"[..], 0o644)
        .unwrap();
    tree.link("etc/hosts", "etc/linked").unwrap();
    tree.add_symlink("sbin", "usr/sbin").unwrap();
    let long = format!("{}/{}", "d".repeat(120), "f".repeat(200));
    let node = Node::file(
        Metadata {
            uid: 3_000_000,
            gid: 70_000,
            mtime: 77,
            xattrs: BTreeMap::from([(b"user.note".to_vec(), b"kept\n".to_vec())]),
            ..Metadata::root(0o4755)
        },
        vec![7; 100_000],
    );
    tree.insert(&long, node).unwrap();
    for (path, kind) in [
        ("null", Kind::CharDevice { major: 1, minor: 3 }),
        ("disk", Kind::BlockDevice { major: 8, minor: 1 }),
        ("pipe", Kind::Fifo),
    ] {
        let metadata = Metadata::root(0o600);
        tree.insert(path, Node { metadata, kind }).unwrap();
    }
    tree
}

/// An image of two layers with a bill of materials, tagged `1`, as `sealboot` writes it.
fn write(folder: &Path, compression: Compression) {
    let mut layout = Layout::create(folder).unwrap();
    let mut upper = Tree::new();
    upper.add_file("etc/name", &b"two"[..], 0o600).unwrap();
    let layers =
        [filled(), upper].map(|tree| layout.add_layer(&tree.into(), compression, EPOCH).unwrap());
    let settings = Settings {
        created: "2026-11-24T03:00:00Z".to_owned(),
        entrypoint: vec!["/sbin/init".to_owned()],
        ..Settings::default()
    };
    let image = layout.add_image("1", &settings, &layers).unwrap();
    let bill = layout
        .add_blob(SPDX, b"{\"spdxVersion\":\"SPDX-2.3\"}")
        .unwrap();
    layout
        .add_artifact(
            None,
            &Artifact {
                artifact_type: SPDX.to_owned(),
                subject: Some(image),
                files: vec![(bill, "sbom.spdx.json".to_owned())],
                annotations: BTreeMap::new(),
            },
        )
        .unwrap();
    layout.finish().unwrap();
}

#[test]
fn what_is_written_is_unpacked_by_umoci_and_taken_by_skopeo() {
    assert_root();
    for compression in [Compression::Gzip(6), Compression::Zstd(3)] {
        let kept = tempfile::tempdir().unwrap();
        let folder = kept.path().join("made");
        write(&folder, compression);
        // One tag, and what goes with it: no tag is needed here.
        let ours = dump(&tree(&format!("oci:{}", folder.display())));
        assert!(ours.contains("/etc/name size=3"), "{ours}");
        // umoci 0.4.7 knows no zstd; skopeo makes gzip of it.
        let taken = kept.path().join("taken");
        let (from, to) = (folder.display(), taken.display());
        skopeo(&format!(
            "copy --format oci --dest-compress-format gzip oci:{from}:1 oci:{to}:1"
        ));
        assert_eq!(dump(&tree(&format!("oci:{to}:1"))), ours);
        let unpackable = match compression {
            Compression::Gzip(_) => &folder,
            Compression::Zstd(_) => &taken,
        };
        assert_eq!(unpacked(unpackable, "1").as_deref(), Ok(&*ours));
    }
}

#[test]
fn what_is_pushed_is_what_skopeo_sees_and_what_is_pulled() {
    for login in [false, true] {
        let registry = Registry::start(login);
        let kept = tempfile::tempdir().unwrap();
        let at = |name: &str| kept.path().join(name);
        write(&at("made"), Compression::Gzip(6));
        // owner:s3cret
        let auth = format!(
            r#"{{"auths": {{"{}": {{"auth": "b3duZXI6czNjcmV0"}}}}}}"#,
            registry.host
        );
        let registries = registries(kept.path(), login.then_some(&*auth));
        let to = format!("oci://{}/team/system:2", registry.host);
        let made = format!("oci:{}:1", at("made").display());
        let pushed = copy(&registries, &made, &to).unwrap();
        assert_eq!(pushed.referrers, 1);

        let there = format!("docker://{}/team/system", registry.host);
        let tls = "--tls-verify=false --creds owner:s3cret";
        let digest = skopeo(&format!("inspect {tls} --format {{{{.Digest}}}} {there}:2"));
        assert_eq!(digest.trim(), format!("sha256:{}", pushed.digest));
        let theirs = at("theirs");
        let tls = "--src-tls-verify=false --src-creds owner:s3cret";
        skopeo(&format!(
            "copy --preserve-digests {tls} {there}:2 oci:{}:1",
            theirs.display()
        ));
        let (made_blobs, their_blobs) = (blobs(&at("made")), blobs(&theirs));
        assert!(their_blobs.len() >= 4);
        assert!(
            their_blobs
                .iter()
                .all(|(name, bytes)| made_blobs[name] == *bytes)
        );

        // What refers to it is found where a registry without a list keeps it.
        let tls = "--tls-verify=false --creds owner:s3cret";
        let list = skopeo(&format!(
            "inspect {tls} --raw {there}:sha256-{}",
            pushed.digest
        ));
        let list: serde_json::Value = serde_json::from_str(&list).unwrap();
        assert_eq!(list["manifests"][0]["artifactType"], SPDX);
        let bill = list["manifests"][0]["digest"].as_str().unwrap();
        let bill = skopeo(&format!("inspect {tls} --raw {there}@{bill}"));
        assert!(bill.contains(&pushed.digest.to_string()), "{bill}");

        // Back, as it was: in a folder, and in a tar that skopeo reads.
        let back = copy(&registries, &to, &format!("oci:{}:1", at("back").display())).unwrap();
        assert_eq!((back.digest, back.referrers), (pushed.digest, 1));
        assert_eq!(blobs(&at("back")), made_blobs);
        let tar = format!("oci-archive:{}", at("back.tar").display());
        copy(&registries, &to, &tar).unwrap();
        let first = fs::read(at("back.tar")).unwrap();
        copy(&registries, &to, &tar).unwrap();
        assert!(first == fs::read(at("back.tar")).unwrap());
        let digest = skopeo(&format!("inspect --format {{{{.Digest}}}} {tar}:2"));
        assert_eq!(digest.trim(), format!("sha256:{}", pushed.digest));
        assert_eq!(dump(&tree(&format!("{tar}:2"))), dump(&tree(&made)));
    }
}

#[test]
fn several_platforms_are_copied_all() {
    let registry = Registry::start(false);
    let kept = tempfile::tempdir().unwrap();
    let registries = registries(kept.path(), None);
    // skopeo makes an index of two images: the same for both platforms will do.
    let (layout, _) = image();
    let index: serde_json::Value =
        serde_json::from_slice(&fs::read(layout.path().join("index.json")).unwrap()).unwrap();
    let mut one = index["manifests"][0].clone();
    one.as_object_mut().unwrap().remove("annotations");
    let mut other = one.clone();
    one["platform"] = serde_json::json!({ "os": "linux", "architecture": "amd64" });
    other["platform"] = serde_json::json!({ "os": "linux", "architecture": "arm64" });
    let kind = "application/vnd.oci.image.index.v1+json";
    let both =
        serde_json::json!({ "schemaVersion": 2, "mediaType": kind, "manifests": [one, other] });
    let bytes = both.to_string();
    let digest = source::fetch::Digest::of(bytes.as_bytes());
    fs::write(layout.path().join(format!("blobs/sha256/{digest}")), &bytes).unwrap();
    let top = serde_json::json!({ "schemaVersion": 2, "manifests": [{ "mediaType": kind,
        "digest": format!("sha256:{digest}"), "size": bytes.len(),
        "annotations": { "org.opencontainers.image.ref.name": "all" } }] });
    fs::write(layout.path().join("index.json"), top.to_string()).unwrap();

    let to = format!("oci://{}/team/system", registry.host);
    let pushed = copy(
        &registries,
        &format!("oci:{}", layout.path().display()),
        &to,
    )
    .unwrap();
    assert_eq!(
        (pushed.digest, pushed.to.tag.as_deref()),
        (digest, Some("all"))
    );
    let theirs = kept.path().join("theirs");
    skopeo(&format!(
        "copy --all --src-tls-verify=false docker://{}/team/system:all oci:{}:all",
        registry.host,
        theirs.display()
    ));
    let (ours, theirs) = (blobs(layout.path()), blobs(&theirs));
    assert!(theirs.contains_key(&digest.to_string()));
    assert!(theirs.iter().all(|(name, bytes)| ours[name] == *bytes));
}

#[test]
fn what_is_there_is_not_sent_again() {
    let registry = Registry::start(false);
    let host = registry.host.clone();
    let between = Server::start(move |request| forward(&host, request));
    let kept = tempfile::tempdir().unwrap();
    let registries = registries(kept.path(), None);
    let made = kept.path().join("made");
    write(&made, Compression::Gzip(6));
    let (made, to) = (
        format!("oci:{}:1", made.display()),
        format!("oci://{}/team/system:1", between.host),
    );
    let sent = || {
        let asked = between.asked("").into_iter();
        asked
            .filter(|one| ["PUT", "POST", "PATCH"].contains(&&*one.method))
            .count()
    };
    let first = copy(&registries, &made, &to).unwrap();
    let count = sent();
    assert!(count >= 9, "{count}");
    let second = copy(&registries, &made, &to).unwrap();
    assert_eq!((second.sent.number, second.present), (0, first.sent));
    assert_eq!(sent(), count);
    // Under another tag only the manifest is.
    let next = format!("oci://{}/team/system:next", between.host);
    copy(&registries, &made, &next).unwrap();
    assert_eq!(sent(), count + 1);
}

#[test]
fn wrong_logins_are_told() {
    let registry = Registry::start(true);
    let (layout, _) = image();
    let from = format!("oci:{}", layout.path().display());
    let to = format!("oci://{}/team/system:1", registry.host);
    // owner:wrong
    for password in [Some("b3duZXI6d3Jvbmc="), None] {
        let kept = tempfile::tempdir().unwrap();
        let auth = password.map(|password| {
            format!(
                r#"{{"auths": {{"{}": {{"auth": "{password}"}}}}}}"#,
                registry.host
            )
        });
        let error = copy(&registries(kept.path(), auth.as_deref()), &from, &to).unwrap_err();
        assert!(
            error.contains("401") && error.contains("may write there"),
            "{error}"
        );
    }
}

/// A way to the registry that is cut, a few times, when so many bytes have gone up.
fn tunnel(host: &str, after: usize, times: usize) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let here = listener.local_addr().unwrap().to_string();
    let (host, cuts) = (host.to_owned(), Arc::new(AtomicUsize::new(0)));
    let counted = Arc::clone(&cuts);
    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let server = TcpStream::connect(&host).unwrap();
            let (mut up, mut to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
            let cuts = Arc::clone(&counted);
            std::thread::spawn(move || {
                let (mut buffer, mut sent) = ([0; 4096], 0);
                while let Ok(read @ 1..) = up.read(&mut buffer) {
                    sent += read;
                    let limit = |cuts: usize| (cuts < times).then_some(cuts + 1);
                    let order = Ordering::SeqCst;
                    if sent > after && cuts.fetch_update(order, order, limit).is_ok() {
                        let _ = to.shutdown(Shutdown::Both);
                        let _ = up.shutdown(Shutdown::Both);
                        return;
                    }
                    if to.write_all(&buffer[..read]).is_err() {
                        return;
                    }
                }
            });
            std::thread::spawn(move || io::copy(&mut &server, &mut &client));
        }
    });
    (here, cuts)
}

#[test]
fn a_cut_upload_is_sent_again() {
    let registry = Registry::start(false);
    let (layout, expected) = image();
    let from = format!("oci:{}", layout.path().display());
    for (times, good) in [(1, true), (2, true), (99, false)] {
        let (host, cuts) = tunnel(&registry.host, 100_000, times);
        let kept = tempfile::tempdir().unwrap();
        let registries = registries(kept.path(), None);
        let name = format!("cut{times}/system");
        let pushed = copy(&registries, &from, &format!("oci://{host}/{name}:1"));
        match pushed {
            Ok(_) if good => {
                assert_eq!(cuts.load(Ordering::SeqCst), times);
                let there = format!("oci://{}/{name}:1", registry.host);
                let back = kept.path().join("back");
                copy(&registries, &there, &format!("oci:{}", back.display())).unwrap();
                assert_eq!(dump(&tree(&format!("oci:{}", back.display()))), expected);
            }
            Err(error) if !good => {
                assert!(error.contains("no answer in 3 tries"), "{error}");
                let there = format!("oci://{}/{name}:1", registry.host);
                let error = copy(
                    &registries,
                    &there,
                    &format!("oci:{}", kept.path().join("x").display()),
                );
                assert!(error.unwrap_err().contains("404"), "a tag without an image");
            }
            other => panic!("{times}: {other:?}"),
        }
    }
}
