//! A real registry (Debian's docker-registry) on this machine, filled by skopeo; and the same
//! with somebody in between who spoils what passes.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use source::fetch::{Cache, Client, Settings};
use source::oci::{self, Credentials, Image, Registries};
use source::tree::Tree;

use super::fixture::{Contents, gzip, tar};
use super::http::{Reply, Server, forward};
use super::real_registry::Registry;
use super::{dump, tree};

/// Pushes a layout's image as `team/system:TAG`.
fn push(registry: &Registry, layout: &Path, tag: &str, more: &[&str]) {
    let mut skopeo = Command::new("skopeo");
    skopeo
        .args(["--insecure-policy", "copy", "--dest-tls-verify=false"])
        .args(more);
    skopeo.args(["--dest-creds", "owner:s3cret"]);
    skopeo.arg(format!("oci:{}:1.0", layout.display()));
    skopeo.arg(format!("docker://{}/team/system:{tag}", registry.host));
    tests::stdout("skopeo", &mut skopeo);
}

/// The image in a folder, and its tree: a large layer below a small one.
pub(super) fn image() -> (tempfile::TempDir, String) {
    let mut random = 1u32;
    let noise: Vec<u8> = std::iter::repeat_with(|| {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (random >> 24) as u8
    })
    .take(300_000)
    .collect();
    let mut contents = Contents::default();
    contents
        .layers
        .insert(0, gzip(&tar(&[("usr/noise", 0o644, &noise)])));
    let folder = tempfile::tempdir().unwrap();
    contents.write(folder.path());
    let expected = dump(&tree(&format!("oci:{}:1.0", folder.path().display())));
    (folder, expected)
}

pub(super) fn registries(folder: &Path, auth: Option<&str>) -> Registries {
    let settings = Settings {
        tries: 3,
        pause: Duration::from_millis(10),
        proxy_from_environment: false,
        ..Settings::default()
    };
    let client = Client::new(Cache::open(folder.join("cache")).unwrap(), settings).unwrap();
    let named = auth.map(|auth| {
        fs::write(folder.join("auth.json"), auth).unwrap();
        folder.join("auth.json")
    });
    let credentials = Credentials {
        named,
        usual: Vec::new(),
    };
    Registries::new(
        client,
        oci::Settings {
            insecure: Vec::new(),
            credentials,
        },
    )
}

fn pull(registries: &Registries, reference: &str) -> Result<Image, String> {
    let pulled = registries.pull(&reference.parse().unwrap(), &(), &|layer, _| layer);
    pulled.map_err(|error| {
        let cause = std::error::Error::source(&error).map(ToString::to_string);
        format!("{error}: {}", cause.unwrap_or_default())
    })
}

fn merged(image: Image) -> String {
    let mut tree = Tree::new();
    for layer in image.layers {
        tree.add_layer(layer).unwrap();
    }
    dump(&tree)
}

#[test]
fn what_skopeo_pushes_is_pulled() {
    let registry = Registry::start(false);
    let (layout, expected) = image();
    push(&registry, layout.path(), "oci", &[]);
    push(&registry, layout.path(), "docker", &["--format", "v2s2"]);
    push(
        &registry,
        layout.path(),
        "zstd",
        &["--format", "oci", "--dest-compress-format", "zstd"],
    );
    let kept = tempfile::tempdir().unwrap();
    let registries = registries(kept.path(), None);
    for tag in ["oci", "docker", "zstd"] {
        let reference = format!("oci://{}/team/system:{tag}", registry.host);
        let image = pull(&registries, &reference).unwrap();
        let mut inspect = Command::new("skopeo");
        inspect.args(["inspect", "--tls-verify=false", "--format", "{{.Digest}}"]);
        inspect.arg(format!("docker://{}/team/system:{tag}", registry.host));
        let said = String::from_utf8(tests::stdout("skopeo", &mut inspect)).unwrap();
        assert_eq!(said.trim(), format!("sha256:{}", image.digest), "{tag}");
        assert_eq!(
            image.config.program.command().collect::<Vec<_>>(),
            ["/sbin/init"]
        );
        assert_eq!(merged(image), expected, "{tag}");
    }
    for (name, words) in [
        ("team/system:absent", "404"),
        ("team/absent:1", "404"),
        (
            "team/system@sha256:0000000000000000000000000000000000000000000000000000000000000000",
            "404",
        ),
    ] {
        let error = pull(&registries, &format!("oci://{}/{name}", registry.host)).unwrap_err();
        assert!(
            error.contains(words) && error.contains("name and tag"),
            "{error}"
        );
    }
}

#[test]
fn a_registry_with_passwords_wants_the_right_one() {
    let registry = Registry::start(true);
    let (layout, expected) = image();
    push(&registry, layout.path(), "1", &[]);
    let reference = format!("oci://{}/team/system:1", registry.host);
    // owner:s3cret, owner:wrong
    for (password, good) in [
        (Some("b3duZXI6czNjcmV0"), true),
        (Some("b3duZXI6d3Jvbmc="), false),
        (None, false),
    ] {
        let kept = tempfile::tempdir().unwrap();
        let auth = password.map(|password| {
            format!(
                r#"{{"auths": {{"{}": {{"auth": "{password}"}}}}}}"#,
                registry.host
            )
        });
        match pull(&registries(kept.path(), auth.as_deref()), &reference) {
            Ok(image) => assert!(good && merged(image) == expected),
            Err(error) => {
                assert!(
                    !good && error.contains("401") && error.contains("log in"),
                    "{error}"
                );
            }
        }
    }
}

#[test]
fn spoilt_connections_are_mended_and_lies_are_not_believed() {
    let registry = Registry::start(false);
    let (layout, expected) = image();
    push(&registry, layout.path(), "1", &[]);
    type Spoil = fn(&mut Reply, usize);
    let cases: &[(&str, Spoil, &str)] = &[
        (
            "cut",
            |reply, _| reply.cut = (reply.body.len() > 299_000).then_some(90_000),
            "",
        ),
        (
            "busy",
            |reply, seen| {
                if seen == 0 {
                    *reply = Reply::status(429).with("Retry-After", "1")
                }
            },
            "",
        ),
        (
            "out of order",
            |reply, seen| {
                if seen == 1 {
                    *reply = Reply::status(503)
                }
            },
            "",
        ),
        (
            "slow",
            |reply, _| reply.slow = Some((reply.body.len() / 20 + 1, 20)),
            "",
        ),
        (
            "altered",
            |reply, _| {
                if reply.body.len() > 100_000 {
                    reply.body[5] ^= 1
                }
            },
            "has the SHA-256",
        ),
        (
            "shorter",
            |reply, _| {
                if reply.body.len() > 100_000 {
                    reply.body.truncate(99_999)
                }
            },
            "the registry sends",
        ),
        (
            "gone",
            |reply, seen| {
                if seen > 0 {
                    *reply = Reply::status(404)
                }
            },
            "404",
        ),
    ];
    for (name, spoil, words) in cases {
        let (spoil, host, seen) = (*spoil, registry.host.clone(), AtomicUsize::new(0));
        let between = Server::start(move |request| {
            let mut reply = forward(&host, request);
            spoil(&mut reply, seen.fetch_add(1, Ordering::SeqCst));
            reply
        });
        let kept = tempfile::tempdir().unwrap();
        let reference = format!("oci://{}/team/system:1", between.host);
        match pull(&registries(kept.path(), None), &reference) {
            Ok(image) => assert!(words.is_empty() && merged(image) == expected, "{name}"),
            Err(error) => assert!(
                !words.is_empty() && error.contains(words),
                "{name}: {error}"
            ),
        }
        if *name == "cut" {
            let ranges = between.asked("").into_iter();
            let ranges: Vec<_> = ranges
                .filter_map(|asked| asked.get("range").map(str::to_owned))
                .collect();
            assert!(
                ranges.iter().any(|range| range == "bytes=90000-"),
                "{ranges:?}"
            );
        }
    }
}
