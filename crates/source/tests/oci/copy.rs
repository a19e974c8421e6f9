//! Images copied as they are, to a registry that does as it is told. `tests/differential` has a real
//! one.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::sync::Mutex;

use serde_json::{Value, json};

use crate::fixture::{Contents, INDEX, MANIFEST, hex};
use crate::http::{Reply, Server};
use crate::registry::Machine;
use crate::taking::Taking;

/// Writes a layout with an image for two platforms as `1.0`, an artifact that refers to the index and
/// one that refers to that; gives the digests of these three.
fn layout(folder: &Path) -> [String; 3] {
    let mut blobs = BTreeMap::new();
    let mut add = |kind: &str, bytes: Vec<u8>| {
        let digest = format!("sha256:{}", hex(&bytes));
        let size = bytes.len();
        blobs.insert(hex(&bytes), bytes);
        json!({ "mediaType": kind, "digest": digest, "size": size })
    };
    let mut manifests = Vec::new();
    for architecture in ["amd64", "arm64"] {
        let contents = Contents {
            config: match architecture {
                "arm64" => |config| config["architecture"] = json!("arm64"),
                _ => |_| {},
            },
            ..Contents::default()
        };
        for (name, bytes) in contents.files() {
            if name.starts_with("blobs") {
                let is_manifest = bytes.windows(9).any(|w| w == b"\"layers\":");
                let mut added = add(MANIFEST, bytes);
                if is_manifest {
                    added["platform"] = json!({ "os": "linux", "architecture": architecture });
                    manifests.push(added);
                }
            }
        }
    }
    let index = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": manifests });
    let mut index = add(INDEX, index.to_string().into());
    let empty = add("application/vnd.oci.empty.v1+json", b"{}".to_vec());
    let mut refers = |subject: &Value, text: &str| {
        let layer = add("text/plain", text.as_bytes().to_vec());
        let manifest = json!({ "schemaVersion": 2, "mediaType": MANIFEST, "artifactType": "text/plain",
                               "config": empty, "layers": [layer], "subject": subject,
                               "annotations": { "note": text } });
        add(MANIFEST, manifest.to_string().into())
    };
    let note = refers(&index, "a note");
    let signature = refers(&note, "a signature of the note");
    let stranger = refers(
        &json!({ "mediaType": MANIFEST, "digest": format!("sha256:{}", "7".repeat(64)),
                                   "size": 7 }),
        "a note on another image",
    );
    let digests = [&index, &note, &signature].map(|one| one["digest"].as_str().unwrap().to_owned());
    index["annotations"] = json!({ "org.opencontainers.image.ref.name": "1.0" });
    let all = json!({ "schemaVersion": 2, "manifests": [index, signature, note, stranger] });
    fs::create_dir_all(folder.join("blobs/sha256")).unwrap();
    for (name, bytes) in blobs {
        fs::write(folder.join("blobs/sha256").join(name), bytes).unwrap();
    }
    fs::write(folder.join("index.json"), all.to_string()).unwrap();
    fs::write(
        folder.join("oci-layout"),
        r#"{"imageLayoutVersion":"1.0.0"}"#,
    )
    .unwrap();
    digests
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

/// A machine with the layout in its folder, and what copies to and from.
fn place() -> (Machine, [String; 3], String) {
    let machine = Machine::new();
    let digests = layout(&machine.path().join("image"));
    let from = format!("oci:{}:1.0", machine.path().join("image").display());
    (machine, digests, from)
}

#[test]
fn all_of_it_arrives_whatever_the_registry_is_like() {
    let elsewhere = Taking::default();
    let other = elsewhere.clone();
    let other = Server::start(move |request| other.answer(request));
    for (uploads, lists_referrers) in [
        ("/somewhere/", true),
        ("/somewhere/", false),
        ("", false),
        (&*format!("http://{}/", other.host), true),
    ] {
        let (machine, [index, note, signature], from) = place();
        let registry = Taking {
            lists_referrers,
            uploads: uploads.to_owned(),
            ..Taking::default()
        };
        let (taking, theirs) = (registry.clone(), elsewhere.clone());
        let server = Server::start(move |request| {
            // What is sent elsewhere comes in there.
            theirs.look(|held| taking.look(|ours| ours.blobs.append(&mut held.blobs)));
            match request.get("authorization") {
                Some("Basic bWU6czNjcmV0") => taking.answer(request),
                _ => Reply::status(401).with("WWW-Authenticate", "Basic realm=x"),
            }
        });
        let login = Machine::with_login(&server.host, r#""auth": "bWU6czNjcmV0""#);
        let to = format!("oci://{}/team/system:2", server.host);
        let copied = login.copy(&from, &to).unwrap();
        assert_eq!(format!("sha256:{}", copied.digest), index);
        assert_eq!((copied.documents, copied.referrers), (3, 2), "{uploads}");
        assert_eq!(copied.present.number, 0);
        let list = |digest: &str| digest.replace(':', "-");
        let mut expected = vec!["2".to_owned()];
        if !lists_referrers {
            expected.extend([list(&index), list(&note)]);
            expected.sort();
        }
        assert_eq!(registry.tags(), expected);
        if !lists_referrers {
            let list: Value = registry.look(|held| {
                let (kind, bytes) = &held.manifests[&list(&index)];
                assert_eq!(kind, INDEX);
                serde_json::from_slice(bytes).unwrap()
            });
            let entry = &list["manifests"][0];
            assert_eq!(entry["digest"], note);
            assert_eq!(entry["artifactType"], "text/plain");
            assert_eq!(entry["annotations"]["note"], "a note");
        }

        // Once more: nothing is sent.
        let before = server.asked("").len();
        let again = login.copy(&from, &to).unwrap();
        assert_eq!((again.sent.number, again.present), (0, copied.sent));
        let asked = server.asked("").split_off(before);
        let sent = asked
            .iter()
            .filter(|one| ["PUT", "POST"].contains(&&*one.method));
        assert_eq!(sent.count(), 0, "{asked:?}");

        // And back.
        let got = login.path().join("got");
        let back = login.copy(&to, &format!("oci:{}", got.display())).unwrap();
        assert_eq!(
            (back.digest, back.referrers),
            (copied.digest, 2),
            "{uploads}"
        );
        let all = blobs(&machine.path().join("image"));
        let found = blobs(&got);
        assert!(found.iter().all(|(name, bytes)| all[name] == *bytes));
        assert!(found.contains_key(&signature[7..]));
        // The stranger's note and what it says stay behind.
        assert_eq!(found.len(), all.len() - 2, "{uploads}");
    }
    let logins = other.asked("");
    assert!(!logins.is_empty());
    assert!(logins.iter().all(|one| one.get("authorization").is_none()));
}

#[test]
fn a_token_to_write_is_asked_for() {
    let issuer = Server::start(|request| {
        let write = request
            .path
            .contains("scope=repository%3Ateam%2Fsystem%3Apull%2Cpush");
        let token = if write { "WRITE" } else { "READ" };
        Reply::body(format!(r#"{{"token": "{token}"}}"#))
    });
    let (realm, taking) = (format!("http://{}/token", issuer.host), Taking::default());
    let server = Server::start(move |request| match request.get("authorization") {
        Some("Bearer WRITE") => taking.answer(request),
        _ => {
            // A look is answered with less than is needed in the end.
            let ask = format!(
                r#"Bearer realm="{realm}",service="x",scope="repository:team/system:pull""#
            );
            Reply::status(401).with("WWW-Authenticate", &ask)
        }
    });
    let (machine, _, from) = place();
    let to = format!("oci://{}/team/system", server.host);
    let copied = machine.copy(&from, &to).unwrap();
    // Without a tag it has that of the original.
    assert_eq!(copied.to.tag.as_deref(), Some("1.0"));
    assert!(issuer.asked("").len() < 20, "{:?}", issuer.asked(""));
}

#[test]
fn what_a_registry_says_is_said() {
    let body = |text: &str| {
        let body = json!({ "errors": [{ "code": "DENIED", "message": text }] });
        body.to_string()
    };
    let refusing = move |method: &'static str, path: &'static str, reply: Reply| {
        let taking = Taking::default();
        Server::start(move |request| {
            match request.method == method && request.path.contains(path) {
                true => reply.clone(),
                false => taking.answer(request),
            }
        })
    };
    let status = |status, text: &str| Reply {
        status,
        ..Reply::body(body(text))
    };
    let lie = Reply::status(201).with("Docker-Content-Digest", "sha256:0000");
    for (server, words) in [
        (
            refusing("POST", "", status(401, "")),
            &["401 Unauthorized", "may write"][..],
        ),
        (
            refusing("POST", "", status(403, "not you")),
            &[
                "403 Forbidden and says \"DENIED: not you\"",
                "may not write there",
                "cannot be sent",
            ],
        ),
        (
            refusing("POST", "", status(404, "")),
            &["404 Not Found", "made first"],
        ),
        (
            refusing("POST", "", status(405, "")),
            &["405 Method Not Allowed", "takes no images"],
        ),
        (
            refusing("POST", "", Reply::status(308)),
            &["308", "another address"],
        ),
        (
            refusing("POST", "", Reply::status(202)),
            &["202 Accepted", "container registry"],
        ),
        (
            refusing("PUT", "upload", status(413, "")),
            &["413", "larger than the registry"],
        ),
        (
            refusing("PUT", "manifests/1.0", status(400, "bad")),
            &["400 Bad Request and says", "manifests/1.0"],
        ),
        (
            refusing("PUT", "manifests/1.0", status(500, "disk full")),
            &["disk full", "try later"],
        ),
        (
            refusing("PUT", "manifests/1.0", lie),
            &["was sent", "says that it is sha256:0000"],
        ),
        (
            refusing("HEAD", "blobs", Reply::status(500)),
            &["500 Internal Server Error"],
        ),
    ] {
        let (machine, _, from) = place();
        let to = format!("oci://{}/team/system", server.host);
        let error = machine.copy(&from, &to).unwrap_err();
        for word in words {
            assert!(error.contains(word), "{word:?} is not in {error}");
        }
    }
}

#[test]
fn busy_registries_are_asked_again() {
    for status in [408, 429, 500, 503] {
        let (taking, asked) = (Taking::default(), Mutex::new(BTreeSet::new()));
        let registry = taking.clone();
        let server = Server::start(move |request| {
            // The first time that something is asked.
            let what = (request.method.clone(), request.path.clone());
            match asked.lock().unwrap().insert(what) {
                true => Reply::status(status).with("Retry-After", "0"),
                false => taking.answer(request),
            }
        });
        let (machine, _, from) = place();
        let to = format!("oci://{}/team/system", server.host);
        machine.copy(&from, &to).unwrap();
        assert!(registry.tags().contains(&"1.0".to_owned()), "{status}");
    }
}

#[test]
fn who_does_not_take_a_large_blob_says_so_before_it_comes() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let host = listener.local_addr().unwrap().to_string();
    let here = host.clone();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut head = Vec::new();
            let mut byte = [0];
            while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap_or(0) > 0 {
                head.push(byte[0]);
            }
            let reply = match head.split(|byte| *byte == b' ').next().unwrap() {
                b"HEAD" => "404 Not Found\r\n".to_owned(),
                b"POST" => format!("202 Accepted\r\nLocation: http://{here}/x\r\n"),
                // Nothing of the body is read.
                _ => "413 Content Too Large\r\n".to_owned(),
            };
            let _ = write!(
                stream,
                "HTTP/1.1 {reply}Content-Length: 0\r\nConnection: close\r\n\r\n"
            );
        }
    });
    let mut contents = Contents::default();
    contents.layers[0].blob = (0..5_000_000u32).map(|n| (n % 251) as u8).collect();
    let machine = Machine::new();
    contents.write(&machine.path().join("image"));
    let from = format!("oci:{}", machine.path().join("image").display());
    let error = machine
        .copy(&from, &format!("oci://{host}/team/system"))
        .unwrap_err();
    assert!(
        error.contains("413") && error.contains("larger than the registry"),
        "{error}"
    );
}

#[test]
fn what_is_wrong_is_not_sent() {
    type Spoil = fn(&Path, &str);
    let cases: &[(Spoil, &str)] = &[
        (
            |folder, note| {
                let manifest: Value =
                    serde_json::from_slice(&fs::read(folder.join(note)).unwrap()).unwrap();
                let blob = &manifest["layers"][0]["digest"].as_str().unwrap()[7..];
                fs::write(folder.join(blob), "a n0te").unwrap();
            },
            "damaged or altered",
        ),
        (
            |folder, note| fs::remove_file(folder.join(note)).unwrap(),
            "is not in",
        ),
        (
            |folder, note| fs::write(folder.join(note), "{}").unwrap(),
            "bytes, ",
        ),
    ];
    for (spoil, words) in cases {
        let (machine, [_, note, _], from) = place();
        spoil(&machine.path().join("image/blobs/sha256"), &note[7..]);
        let registry = Taking::default();
        let taking = registry.clone();
        let server = Server::start(move |request| taking.answer(request));
        let error = machine.copy(&from, &format!("oci://{}/team/system", server.host));
        let error = error.unwrap_err();
        assert!(error.contains(words), "{error}");
        assert_eq!(registry.tags(), Vec::<String>::new());
        for to in ["oci:", "oci-archive:"] {
            let to = format!("{to}{}", machine.path().join("new").display());
            let error = machine.copy(&from, &to).unwrap_err();
            assert!(error.contains(words), "{error}");
        }
        let mut left: Vec<_> = fs::read_dir(machine.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        left.sort();
        assert_eq!(left, ["cache", "image"]);
    }
}

#[test]
fn a_layout_keeps_what_else_it_holds() {
    let (machine, digests, from) = place();
    let other = machine.path().join("other");
    Contents::default().write(&other);
    let before = blobs(&other);
    let to = format!("oci:{}:2", other.display());
    let copied = machine.copy(&from, &to).unwrap();
    assert!(copied.present.number > 0, "one of the platforms is there");
    let after = blobs(&other);
    assert!(before.iter().all(|(name, bytes)| after[name] == *bytes));
    let both = ["1.0", "2"].map(|tag| {
        let from = format!("oci:{}:{tag}", other.display());
        let to = format!("oci-archive:{}", machine.path().join(tag).display());
        machine.copy(&from, &to).unwrap().digest.to_string()
    });
    assert_eq!(both[1], digests[0][7..]);
    assert_ne!(both[0], both[1]);
    // The same archive again, byte for byte, in the place of the old one; and read back.
    let archive = machine.path().join("2");
    let first = fs::read(&archive).unwrap();
    let to = format!("oci-archive:{}:2", archive.display());
    machine.copy(&from, &to).unwrap();
    assert_eq!(fs::read(&archive).unwrap(), first);
    let back = machine.copy(&to, &format!("oci:{}/back:2", machine.path().display()));
    assert_eq!(back.unwrap().referrers, 2);
    // What is something else stays.
    fs::write(machine.path().join("letter"), "dear").unwrap();
    fs::create_dir(machine.path().join("folder")).unwrap();
    fs::write(machine.path().join("folder/letter"), "dear").unwrap();
    for (to, words) in [
        ("oci-archive:letter", "something else is there"),
        ("oci:letter", "cannot"),
        ("oci:folder", "is not an OCI layout"),
        ("oci:absent/folder", "No such file"),
        ("docker-archive:x", "cannot be copied to"),
        (
            &*format!("oci:y@sha256:{}", "1".repeat(64)),
            "give a tag only",
        ),
    ] {
        let (kind, name) = to.split_once(':').unwrap();
        let to = format!("{kind}:{}", machine.path().join(name).display());
        let error = machine.copy(&from, &to).unwrap_err();
        assert!(error.contains(words), "{to}: {error}");
    }
    assert_eq!(fs::read(machine.path().join("letter")).unwrap(), b"dear");
}
