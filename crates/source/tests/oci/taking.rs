//! A registry that takes what it is sent (distribution-spec 1.1, "Push"), with what registries may do
//! in different ways.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::fixture::{INDEX, hex};
use crate::http::{Reply, Request};

/// What it holds, and how it is.
#[derive(Clone, Default)]
pub(crate) struct Taking {
    pub(crate) held: Arc<Mutex<Held>>,
    /// Whether it lists what refers to an image.
    pub(crate) lists_referrers: bool,
    /// What its upload addresses start with: nothing, a host, a path of their own.
    pub(crate) uploads: String,
}

#[derive(Default)]
pub(crate) struct Held {
    /// Digest in hex → content.
    pub(crate) blobs: BTreeMap<String, Vec<u8>>,
    /// Tag or `sha256:…` → media type and content.
    pub(crate) manifests: BTreeMap<String, (String, Vec<u8>)>,
}

impl Taking {
    pub(crate) fn look<T>(&self, at: impl FnOnce(&mut Held) -> T) -> T {
        at(&mut self.held.lock().unwrap())
    }

    /// The tags, without digests.
    pub(crate) fn tags(&self) -> Vec<String> {
        self.look(|held| {
            let names = held.manifests.keys();
            names.filter(|name| !name.contains(':')).cloned().collect()
        })
    }

    pub(crate) fn answer(&self, request: &Request) -> Reply {
        if request.path.contains("upload/1?") {
            return self.upload(request);
        }
        let Some(rest) = request.path.strip_prefix("/v2/team/system/") else {
            return Reply::status(404);
        };
        let mut held = self.held.lock().unwrap();
        let (kind, name) = rest.split_once('/').unwrap();
        match (request.method.as_str(), kind) {
            ("POST", "blobs") => {
                let place = format!("{}upload/1?state=a%3Db", self.uploads);
                let reply = Reply::status(202);
                reply.with("Location", &place)
            }
            ("GET" | "HEAD", "blobs") => match held.blobs.get(name.trim_start_matches("sha256:")) {
                Some(bytes) => Reply::body(bytes.clone()),
                None => Reply::status(404),
            },
            ("GET" | "HEAD", "manifests") => match held.manifests.get(name) {
                Some((media_type, bytes)) => Reply::body(bytes.clone())
                    .with("Content-Type", media_type)
                    .with("Docker-Content-Digest", &format!("sha256:{}", hex(bytes))),
                None => Reply::status(404),
            },
            ("PUT", "manifests") => {
                let document: Value = serde_json::from_slice(&request.body).unwrap();
                for named in named(&document) {
                    let there = held.blobs.contains_key(&named)
                        || held.manifests.contains_key(&format!("sha256:{named}"));
                    assert!(there, "{name} names {named}, which is not there yet");
                }
                let digest = format!("sha256:{}", hex(&request.body));
                let kind = request.get("content-type").unwrap().to_owned();
                for name in [name, &digest] {
                    let value = (kind.clone(), request.body.clone());
                    held.manifests.insert(name.to_owned(), value);
                }
                let reply = Reply::status(201).with("Docker-Content-Digest", &digest);
                match document["subject"]["digest"].as_str() {
                    Some(subject) if self.lists_referrers => reply.with("OCI-Subject", subject),
                    _ => reply,
                }
            }
            ("GET", "referrers") if self.lists_referrers => {
                let manifests = held.manifests.iter().filter(|(key, (_, bytes))| {
                    let document: Value = serde_json::from_slice(bytes).unwrap();
                    key.contains(':') && document["subject"]["digest"] == name
                });
                let manifests: Vec<Value> = manifests
                    .map(|(key, (kind, bytes))| {
                        json!({ "mediaType": kind, "digest": key, "size": bytes.len() })
                    })
                    .collect();
                let index =
                    json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": manifests });
                Reply::body(index.to_string())
            }
            _ => Reply::status(404),
        }
    }

    /// `…upload/1?state=…&digest=sha256:…`, wherever that is.
    fn upload(&self, request: &Request) -> Reply {
        let (path, query) = request.path.split_once('?').unwrap_or((&request.path, ""));
        let digest = query.strip_prefix("state=a%3Db&digest=sha256:");
        let (Some(digest), true) = (digest, path.ends_with("upload/1")) else {
            return Reply::status(404);
        };
        if request.method != "PUT" || hex(&request.body) != digest {
            return Reply::status(400);
        }
        assert!(request.get("content-length").is_some(), "{request:?}");
        let mut held = self.held.lock().unwrap();
        held.blobs.insert(digest.to_owned(), request.body.clone());
        Reply::status(201)
    }
}

/// What a document needs to be there.
fn named(document: &Value) -> Vec<String> {
    let lists = ["layers", "manifests"].map(|key| document[key].as_array().cloned());
    let config = document.get("config").cloned();
    let all = lists.into_iter().flatten().flatten().chain(config);
    all.map(|one| one["digest"].as_str().unwrap()[7..].to_owned())
        .collect()
}
