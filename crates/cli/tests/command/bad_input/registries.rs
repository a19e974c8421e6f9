//! What goes to registries and comes from them.

use serde_json::{Value, json};

use super::*;
use crate::image::fixture::{Contents, MANIFEST, hex};
use crate::image::http::{Reply, Server};

#[test]
fn every_row() {
    check("Registries", ROWS);
}

#[rustfmt::skip]
const ROWS: &[Row] = &[
    // Names.
    ("not where it goes", layout, "sealboot oci push oci:image registry.example/a:1", USAGE,
        &["\"registry.example/a:1\" does not name an image", "oci://"]),
    ("the wrong way round", nothing, "sealboot oci push oci://r.example/a:1 oci:image", USAGE,
        &["oci:image is not in a registry", "oci pull"]),
    ("the other way round", layout, "sealboot oci pull oci:image oci://r.example/a:1", USAGE,
        &["oci://r.example/a:1 is in a registry", "oci push"]),
    ("a digest to be", layout, "sealboot oci push oci:image oci://r.example/a@sha256:0000000000000000000000000000000000000000000000000000000000000000", USAGE,
        &["cannot be copied to", "a tag only"]),
    ("a format without manifests", |p| p.write("saved.tar", ""), "sealboot oci push docker-archive:saved.tar oci://r.example/a:1", USAGE,
        &["docker-archive:saved.tar cannot be copied", "skopeo copy"]),
    // What is sent.
    ("no such image", nothing, "sealboot oci push oci:absent oci://127.0.0.1:1/a:1", MISSING,
        &["cannot open absent", "No such file"]),
    ("a layer that is altered", |p| { layout(p); alter_layer(p); }, "sealboot oci pull oci:image oci:copy", REFUSED,
        &["blob sha256:", "damaged or altered"]),
    ("a registry that is not there", layout, "sealboot oci push oci:image oci://127.0.0.1:1/a:1", NETWORK,
        &["oci://127.0.0.1:1/a:1 cannot be sent", "/v2/a/manifests/1: no answer in 4 tries", "refused"]),
    ("one that takes nothing", |p| { layout(p); named(p, Server::start(|_| Reply::status(405))); }, "sealboot oci push oci:image $(cat registry)/a:1", NETWORK,
        &["405 Method Not Allowed", "takes no images"]),
    ("a login that may not write", |p| { layout(p); named(p, denying()); }, "sealboot oci push oci:image $(cat registry)/a:1", NETWORK,
        &["403 Forbidden and says \"DENIED: not yours\"", "may not write there"]),
    ("too large for it", |p| { layout(p); named(p, Server::start(|r| match &*r.method { "HEAD" => Reply::status(404), _ => Reply::status(413) })); }, "sealboot oci push oci:image $(cat registry)/a:1", NETWORK,
        &["413 Payload Too Large", "larger than the registry"]),
    // Where it goes.
    ("a full disk", layout, "mkdir full && mount -t tmpfs -o size=4k none full && sealboot oci pull oci:image oci:full/image; code=$?; umount full; rmdir full; exit $code", FAILED,
        &["cannot write to full/image", "No space left on device"]),
    ("a folder of something else", |p| { layout(p); p.write("letters/one", "dear"); }, "sealboot oci pull oci:image oci:letters", REFUSED,
        &["letters is not an OCI layout", "no file oci-layout"]),
    ("a file of something else", |p| { layout(p); p.write("letter", "dear"); }, "sealboot oci pull oci:image oci-archive:letter", USAGE,
        &["something else is there, which would be lost"]),
    // Releases.
    ("no release there", nothing, "sealboot oci push kernel oci://127.0.0.1:1/a:1", REFUSED,
        &["the release in kernel cannot be sent", "no manifest with a signature"]),
    ("a release without its image", |p| { release(p); p.remove("rel/root.squashfs"); }, "sealboot oci push rel oci://127.0.0.1:1/a:1", REFUSED,
        &["root.squashfs is missing", "build it again"]),
    ("a release with a cut image", |p| { release(p); cut(p, "rel/root.squashfs", 4096); }, "sealboot oci push rel oci://127.0.0.1:1/a:1", REFUSED,
        &["root.squashfs is 4096 bytes, release.json says"]),
    ("a release of another root hash", |p| { release(p); alter_text(p, "rel/root.roothash", 3); }, "sealboot oci push rel oci://127.0.0.1:1/a:1", REFUSED,
        &["root.roothash is not the root hash that release.json has"]),
    ("no disk image to send", |p| { release(p); p.remove("rel/disk.img"); }, "sealboot oci push --disk rel oci://127.0.0.1:1/a:1", MISSING,
        &["the release in rel has no disk.img", "without --disk"]),
    ("nothing to verify it with", release, "sealboot oci push rel oci://127.0.0.1:1/a:1 --keys absent", KEYS,
        &["the certificate to verify with cannot be had", "--unverified"]),
    ("an image, no release", layout, "sealboot oci pull oci:image got", REFUSED,
        &["oci:image is an image, not a release"]),
    ("a release with a path", |p| artifact(p, "../kernel.efi", UKI), "sealboot oci pull oci:image got", REFUSED,
        &["is not a release that can be used", "it has a file \"../kernel.efi\""]),
    ("a release with a strange file", |p| artifact(p, "run.sh", UKI), "sealboot oci pull oci:image got", REFUSED,
        &["it has a file \"run.sh\""]),
    ("a release with the wrong kind", |p| artifact(p, "root.squashfs", UKI), "sealboot oci pull oci:image got", REFUSED,
        &["root.squashfs has the media type \"application/vnd.sealboot.uki.v1\""]),
    ("a release with two of a name", |p| artifact(p, "kernel.efi", UKI), "sealboot oci pull oci:image got", REFUSED,
        &["it has two files kernel.efi"]),
];

const UKI: &str = "application/vnd.sealboot.uki.v1";

/// An image in the folder `image`.
fn layout(place: &Place) {
    Contents::default().write(&place.path("image"));
}

/// A release in the folder `rel`.
fn release(place: &Place) {
    place
        .sealboot(&["build", "-q", "--out", "rel"])
        .check("build", 0, &[]);
}

/// The address of a registry, for a shell.
fn named(place: &Place, server: Server) {
    place.write("registry", format!("oci://{}", server.host));
}

fn denying() -> Server {
    Server::start(|request| match &*request.method {
        "HEAD" => Reply::status(404),
        _ => Reply {
            status: 403,
            ..Reply::body(r#"{"errors":[{"code":"DENIED","message":"not yours"}]}"#)
        },
    })
}

/// Another byte in the first layer.
fn alter_layer(place: &Place) {
    let digest = hex(&Contents::default().layers[0].blob);
    alter(place, &format!("image/blobs/sha256/{digest}"), 20);
}

/// An artifact that calls itself a release, of `kernel.efi` and a file with that name and media type.
fn artifact(place: &Place, name: &str, media_type: &str) {
    let blob = |kind: &str, bytes: &[u8]| -> Value {
        let digest = hex(bytes);
        place.write(&format!("image/blobs/sha256/{digest}"), bytes);
        json!({ "mediaType": kind, "digest": format!("sha256:{digest}"), "size": bytes.len() })
    };
    let layers = [("kernel.efi", UKI), (name, media_type)].map(|(name, kind)| {
        let mut layer = blob(kind, b"x");
        layer["annotations"] = json!({ "org.opencontainers.image.title": name });
        layer
    });
    let manifest = json!({
        "schemaVersion": 2, "mediaType": MANIFEST,
        "artifactType": "application/vnd.sealboot.release.v1",
        "config": blob("application/vnd.oci.empty.v1+json", b"{}"), "layers": layers,
    });
    let manifest = blob(MANIFEST, manifest.to_string().as_bytes());
    let index = json!({ "schemaVersion": 2, "manifests": [manifest] });
    place.write("image/index.json", index.to_string());
    place.write("image/oci-layout", r#"{"imageLayoutVersion":"1.0.0"}"#);
}
