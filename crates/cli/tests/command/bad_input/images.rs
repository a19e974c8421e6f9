//! Container images, in folders, tars and registries.

use serde_json::json;

use super::*;
use crate::image::fixture::{Change, Contents, gzip, tar};
use crate::image::holding::holding;
use crate::image::http::{Reply, Server};
use crate::image::{in_folder, in_registry};

#[test]
fn every_row() {
    check("Container images", ROWS);
}

const SCHEMA1: &str = "application/vnd.docker.distribution.manifest.v1+prettyjws";
const KEEP: Change = |_| {};

#[rustfmt::skip]
const ROWS: &[Row] = &[
    // Names.
    ("no name of an image", |p| p.configure("directory = 'root'", "image = 'alpine:3.20'"), "sealboot build", USAGE,
        &["sealboot.toml, line", "\"alpine:3.20\" does not name an image", "oci://"]),
    ("a password in the name", |p| p.configure("directory = 'root'", "image = 'oci://me:hunter2@r.example/a'"), "sealboot build", USAGE,
        &["does not name an image", "config.json"]),
    // Folders.
    ("no such folder", |p| p.configure("directory = 'root'", "image = 'oci:absent'"), "sealboot build", MISSING,
        &["root.source", "cannot open absent", "No such file"]),
    ("a folder without an index", |p| { image(p, KEEP, KEEP, KEEP); p.remove("image/index.json"); }, "sealboot build", REFUSED,
        &["image is not an OCI layout", "no file index.json"]),
    ("two images and none named", |p| image(p, KEEP, KEEP, |i| { let mut two = i["manifests"][0].clone(); two["annotations"]["org.opencontainers.image.ref.name"] = json!("2.0"); two["digest"] = json!(format!("sha256:{}", "2".repeat(64))); i["manifests"].as_array_mut().unwrap().push(two); }), "sealboot build", USAGE,
        &["oci:image: which image is meant", "1.0, 2.0"]),
    ("no such tag", |p| { image(p, KEEP, KEEP, KEEP); p.configure("oci:image", "oci:image:2.0"); }, "sealboot build", MISSING,
        &["no image has the tag \"2.0\"; tags there: 1.0"]),
    ("another digest than asked for", |p| { image(p, KEEP, KEEP, KEEP); p.configure("oci:image", &format!("oci:image@sha256:{}", "0".repeat(64))); }, "sealboot build", REFUSED,
        &["is another image than its name asks for"]),
    ("another platform", |p| image(p, |c| c["architecture"] = json!("arm64"), KEEP, KEEP), "sealboot build", MISSING,
        &["oci:image holds nothing for linux/amd64; it holds linux/arm64"]),
    ("Docker's old format", |p| image(p, KEEP, KEEP, |i| i["manifests"][0]["mediaType"] = json!(SCHEMA1)), "sealboot build", REFUSED,
        &["prettyjws", "before 2016"]),
    ("a layer of an unknown kind", |p| image(p, KEEP, |m| m["layers"][1]["mediaType"] = json!("application/x-cake"), KEEP), "sealboot build", REFUSED,
        &["layer sha256:", "\"application/x-cake\"", "a layer is a tar"]),
    ("an altered layer", |p| { image(p, KEEP, KEEP, KEEP); alter(p, &blob(p, &[0x1f, 0x8b]), 20); }, "sealboot build", REFUSED,
        &["root.source", "blob sha256:", "damaged or altered"]),
    ("a layer that is not there", |p| { image(p, KEEP, KEEP, KEEP); p.remove(&blob(p, &[0x1f, 0x8b])); }, "sealboot build", MISSING,
        &["blob sha256:", "is not in image"]),
    ("a layer of another image", |p| image(p, |c| c["rootfs"]["diff_ids"][1] = c["rootfs"]["diff_ids"][0].clone(), KEEP, KEEP), "sealboot build", REFUSED,
        &["layer 2 of 2 of oci:image", "diff_id"]),
    ("a whiteout of the folder above", |p| layer(p, "etc/.wh..."), "sealboot build", REFUSED,
        &["layer 3 of 3 of oci:image", "\"etc/.wh...\"", "hides no name"]),
    ("a whiteout that leads out", |p| layer(p, "../.wh.etc"), "sealboot build", REFUSED,
        &["layer 3 of 3 of oci:image", "\"../.wh.etc\"", "\"..\""]),
    // Tars.
    ("a cut archive", |p| { image(p, KEEP, KEEP, KEEP); p.write("image.tar", &Contents::default().archive()[..2000]); p.configure("oci:image", "oci-archive:image.tar"); }, "sealboot build", REFUSED,
        &["image.tar cannot be read as a tar", "too early"]),
    ("a compressed archive", |p| { image(p, KEEP, KEEP, KEEP); p.write("image.tar", gzip(&Contents::default().archive()).blob); p.configure("oci:image", "oci-archive:image.tar"); }, "sealboot build", REFUSED,
        &["image.tar cannot be used", "compressed as a whole"]),
    ("the other kind of archive", |p| { image(p, KEEP, KEEP, KEEP); p.write("image.tar", Contents::default().archive()); p.configure("oci:image", "docker-archive:image.tar"); }, "sealboot build", REFUSED,
        &["no file manifest.json", "oci-archive:"]),
    // Registries.
    ("no registry", |p| p.configure("directory = 'root'", "image = 'oci://127.0.0.1:1/a:1'"), "sealboot build", NETWORK,
        &["oci://127.0.0.1:1/a:1 cannot be had", "http://127.0.0.1:1/v2/a/manifests/1", "refused"]),
    ("an image that nobody has", |p| in_registry(p, &Server::start(|_| Reply::status(404)), "a:1"), "sealboot build", NETWORK,
        &["404 Not Found", "check the image's name and tag"]),
    ("a registry that wants a login", |p| in_registry(p, &Server::start(|_| Reply::status(401).with("WWW-Authenticate", "Basic")), "a:1"), "sealboot build", NETWORK,
        &["401 Unauthorized", "log in with 'docker login'"]),
    ("a login that may not", |p| in_registry(p, &Server::start(|_| Reply::status(403)), "a:1"), "sealboot build", NETWORK,
        &["403 Forbidden", "may not read the image"]),
    ("an altered blob", |p| { let good = holding(&Contents::default()); in_registry(p, &Server::start(move |r| { let mut reply = good(r); if r.path.contains("/blobs/") { reply.body[9] ^= 1; } reply }), "team/system:1.0"); }, "sealboot build", REFUSED,
        &["has the SHA-256", "/team/system", "damaged or altered"]),
    ("a registry without TLS", |p| { let server = Server::start(holding(&Contents::default())); let host = server.host.replace("127.0.0.1", "0.0.0.0"); p.configure("directory = 'root'", &format!("image = 'oci://{host}/a:1'")); }, "no_proxy='*' sealboot build", NETWORK,
        &["https://0.0.0.0:", "cannot be fetched", "[oci] insecure"]),
    ("logins that are not there", |p| in_registry(p, &Server::start(|_| Reply::status(401).with("WWW-Authenticate", "Basic")), "a:1"), "REGISTRY_AUTH_FILE=absent sealboot build", MISSING,
        &["asks for a login", "cannot read the logins in absent", "No such file"]),
    ("logins that are none", |p| { p.write("logins", "hunter2"); in_registry(p, &Server::start(|_| Reply::status(401).with("WWW-Authenticate", "Basic")), "a:1"); }, "REGISTRY_AUTH_FILE=logins sealboot build", REFUSED,
        &["asks for a login", "the logins in logins cannot be read: line 1"]),
    ("nothing in the cache", |p| p.configure("directory = 'root'", "image = 'oci://r.example/a:1'"), "sealboot build --offline --cache cache", MISSING,
        &["oci://r.example/a:1 (what its tag names)", "is not in the cache cache", "--offline"]),
    ("a lock that is none", |p| { image(p, KEEP, KEEP, KEEP); p.write("sealboot.lock", "[[image]]\nreference = 1\n"); }, "sealboot build", USAGE,
        &["sealboot.lock is not what sealboot wrote", "remove it"]),
];

fn image(place: &Place, config: Change, manifest: Change, index: Change) {
    let contents = Contents {
        config,
        manifest,
        index,
        ..Contents::default()
    };
    in_folder(place, &contents);
}

/// An image with one more layer, of one entry with that name.
fn layer(place: &Place, name: &str) {
    let mut contents = Contents::default();
    contents.layers.push(gzip(&tar(&[(name, 0o644, b"")])));
    in_folder(place, &contents);
}

/// The first blob of the image that starts like that.
fn blob(place: &Place, start: &[u8]) -> String {
    let all = fs::read_dir(place.path("image/blobs/sha256")).unwrap();
    let mut names: Vec<_> = all
        .map(|one| one.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    let names = names
        .into_iter()
        .map(|name| format!("image/blobs/sha256/{name}"));
    let mut found = names.filter(|name| fs::read(place.path(name)).unwrap().starts_with(start));
    found.next().unwrap()
}
