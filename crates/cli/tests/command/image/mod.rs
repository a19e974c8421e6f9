//! Releases made of container images.

// What `source` tests its images with. Not all that it can do is needed here.
#[allow(dead_code)]
#[path = "../../../../source/tests/oci/fixture.rs"]
pub(crate) mod fixture;
#[path = "../../../../source/tests/oci/holding.rs"]
pub(crate) mod holding;
#[allow(dead_code)]
#[path = "../../../../source/tests/oci/http.rs"]
pub(crate) mod http;

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::place::{Place, Ran, SEALBOOT, run};
use fixture::{Contents, gzip, tar};
use holding::holding;
use http::{Reply, Server};

/// An image in the folder `image` as root's only source.
pub(crate) fn in_folder(place: &Place, contents: &Contents) {
    contents.write(&place.path("image"));
    place.configure("directory = 'root'", "image = 'oci:image'");
}

/// An image in a registry as root's only source.
pub(crate) fn in_registry(place: &Place, server: &Server, name: &str) {
    let image = format!("image = 'oci://{}/{name}'", server.host);
    place.configure("directory = 'root'", &image);
}

fn build(place: &Place, more: &[&str]) -> Ran {
    // It names a proxy that is not there: this machine is asked without.
    let mut command = place.command(SEALBOOT);
    run(command.args(["build", "--cache", "cache"]).args(more))
}

/// Files of two images with the same tag.
fn two() -> [Contents; 2] {
    let other = tar(&[("sbin/init", 0o755, b"#!/bin/other\n")]);
    let layers = vec![gzip(&other)];
    [
        Contents::default(),
        Contents {
            layers,
            ..Contents::default()
        },
    ]
}

#[test]
fn every_place_gives_the_same_release() {
    let contents = Contents::default();
    let server = Server::start(holding(&contents));
    let registry = format!("oci://{}/team/system", server.host);
    let place = Place::new();
    contents.write(&place.path("image"));
    place.write("image.tar", contents.archive());
    place.write("saved.tar", contents.docker_archive(|_| {}));
    let mut before = "directory = 'root'".to_owned();
    let mut roots = Vec::new();
    for image in [
        "oci:image",
        "oci:image:1.0",
        "oci-archive:image.tar",
        "docker-archive:saved.tar",
        &registry,
    ] {
        let now = format!("image = '{image}'");
        place.configure(&before, &now);
        before = now;
        let ran = build(&place, &[]);
        ran.check(
            image,
            0,
            &[image, "2 layers, 2 files", "Release 1 is in out/"],
        );
        roots.push(fs::read(place.path("out/root.squashfs")).unwrap());
    }
    assert!(
        roots.iter().all(|root| *root == roots[0]),
        "the same layers give other images"
    );
}

#[test]
fn a_layer_is_listed_while_another_is_on_its_way() {
    let contents = Contents::default();
    let place = Place::new();
    // Where listings are kept.
    let kept = place.path("cache/made");
    let good = holding(&contents);
    let upper = fixture::hex(&contents.layers[1].blob);
    let server = Server::start(move |request| {
        let listed = || fs::read_dir(&kept).is_ok_and(|mut entries| entries.next().is_some());
        if request.path.ends_with(&upper) {
            let waited = (0..1000).any(|_| {
                std::thread::sleep(Duration::from_millis(20));
                listed()
            });
            assert!(waited, "the lower layer was not listed");
        }
        good(request)
    });
    in_registry(&place, &server, "team/system:1.0");
    build(&place, &[]).check("two layers", 0, &["2 layers, 2 files"]);
}

#[test]
fn a_tag_stays_what_it_was_until_it_is_updated() {
    let [first, second] = two().map(|contents| holding(&contents));
    let moved = Arc::new(AtomicUsize::new(0));
    let now = Arc::clone(&moved);
    // Blobs of both are there; the tag names one of them.
    let server = Server::start(move |request| {
        let old = first(request);
        let by_tag = request.path.ends_with("/manifests/1.0");
        match now.load(Ordering::SeqCst) == 1 && (by_tag || old.status == 404) {
            true => second(request),
            false => old,
        }
    });
    let place = Place::new();
    in_registry(&place, &server, "team/system:1.0");
    let root = || fs::read(place.path("out/root.squashfs")).unwrap();
    let lock = || fs::read_to_string(place.path("sealboot.lock")).unwrap();

    build(&place, &[]).check("first", 0, &["Release 1"]);
    let manifest = fs::read(place.path("out/release.json")).unwrap();
    let manifest: serde_json::Value = serde_json::from_slice(&manifest).unwrap();
    let named = &manifest["sources"][0];
    assert_eq!(
        named["reference"],
        format!("oci://{}/team/system:1.0", server.host)
    );
    assert!(
        lock().contains(named["digest"].as_str().unwrap()),
        "{manifest}"
    );
    let (old_root, old_lock) = (root(), lock());
    let tag = format!("reference = \"oci://{}/team/system:1.0\"", server.host);
    assert!(
        old_lock.contains(&tag) && old_lock.contains("digest = \"sha256:"),
        "{old_lock}"
    );

    moved.store(1, Ordering::SeqCst);
    build(&place, &[]).check("moved", 0, &["team/system:1.0@sha256:"]);
    assert_eq!(
        (root(), lock()),
        (old_root.clone(), old_lock.clone()),
        "the lock was not kept"
    );
    assert_eq!(
        server.asked("/manifests/1.0").len(),
        1,
        "a locked tag is not looked up"
    );

    build(&place, &["--update"]).check("updated", 0, &["Release 1"]);
    assert_ne!(root(), old_root);
    assert_ne!(lock(), old_lock);

    let asked = server.asked("").len();
    let new_root = root();
    build(&place, &["--offline"]).check("offline", 0, &["Release 1"]);
    assert_eq!((root(), server.asked("").len()), (new_root, asked));

    // What is not named any more is not kept.
    place.configure(
        &format!("oci://{}/team/system:1.0", server.host),
        "oci:image",
    );
    Contents::default().write(&place.path("image"));
    build(&place, &[]).check("none", 0, &["Release 1"]);
    assert!(!lock().contains("reference"), "{}", lock());
}

#[test]
fn a_login_is_found_where_it_is_kept() {
    let good = holding(&Contents::default());
    let server = Server::start(move |request| match request.get("authorization") {
        // owner:s3cret
        Some("Basic b3duZXI6czNjcmV0") => good(request),
        _ => Reply::status(401).with("WWW-Authenticate", "Basic realm=\"here\""),
    });
    let auths = format!(
        r#"{{"auths": {{"{}": {{"auth": "b3duZXI6czNjcmV0"}}}}}}"#,
        server.host
    );
    let helper = format!(r#"{{"credHelpers": {{"{}": "test"}}}}"#, server.host);
    let script = "#!/bin/sh\nread -r host\n\
        echo \"{\\\"ServerURL\\\": \\\"$host\\\", \\\"Username\\\": \\\"owner\\\", \\\"Secret\\\": \\\"s3cret\\\"}\"\n";
    for (file, variable, text) in [
        ("home/.docker/config.json", None, &auths),
        ("home/.config/containers/auth.json", None, &auths),
        (
            "run/containers/auth.json",
            Some(("XDG_RUNTIME_DIR", "run")),
            &auths,
        ),
        (
            "docker/config.json",
            Some(("DOCKER_CONFIG", "docker")),
            &helper,
        ),
        ("logins", Some(("REGISTRY_AUTH_FILE", "logins")), &auths),
    ] {
        let place = Place::new();
        in_registry(&place, &server, "team/system:1.0");
        place.write(file, text);
        place.write("bin/docker-credential-test", script);
        place.mode("bin/docker-credential-test", 0o755);
        let mut command = place.command(SEALBOOT);
        command.args(["build", "--cache", "cache"]);
        command.env(
            "PATH",
            format!("{}:/usr/bin:/bin", place.path("bin").display()),
        );
        if let Some((name, value)) = variable {
            command.env(name, place.path(value));
        }
        let ran = run(&mut command);
        ran.check(file, 0, &["Release 1 is in out/"]);
        for secret in ["s3cret", "czNjcmV0"] {
            let said = format!("{}{}", ran.stdout, ran.stderr);
            assert!(!said.contains(secret), "{file}: {said}");
        }
    }
}
