//! Images from a registry that does as it is told. `tests/differential` has a real one.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use source::fetch::{Cache, Client, Settings};
use source::oci::{self, Copied, Credentials, Image, Registries};
use source::tree::Tree;
use source::tree::dump::dump;

use crate::fixture::{Contents, INDEX, MANIFEST, hex};
use crate::holding::holding;
use crate::http::{Reply, Request, Server};

pub(crate) struct Machine {
    folder: tempfile::TempDir,
    offline: bool,
    auth: Option<String>,
}

impl Machine {
    pub(crate) fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            offline: false,
            auth: None,
        }
    }

    /// With this login for that registry.
    pub(crate) fn with_login(host: &str, entry: &str) -> Self {
        let auth = format!(r#"{{"auths": {{"{host}": {{{entry}}}}}}}"#);
        Self {
            auth: Some(auth),
            ..Self::new()
        }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn registries(&self) -> Registries {
        let cache = Cache::open(self.path().join("cache")).unwrap();
        let settings = Settings {
            offline: self.offline,
            tries: 3,
            pause: Duration::from_millis(1),
            proxy_from_environment: false,
            ..Settings::default()
        };
        let named = self.auth.as_ref().map(|auth| {
            let path = self.path().join("auth.json");
            std::fs::write(&path, auth).unwrap();
            path
        });
        let credentials = Credentials {
            named,
            usual: Vec::new(),
        };
        let settings_of_registries = oci::Settings {
            credentials,
            insecure: Vec::new(),
        };
        let client = Client::new(cache, settings).unwrap();
        Registries::new(client, settings_of_registries)
    }

    fn pull(&self, reference: &str) -> Result<Image, String> {
        self.registries()
            .pull(&reference.parse().unwrap(), &(), &|layer, _| layer)
            .map_err(|error| explain(&error))
    }

    /// Copies an image.
    pub(crate) fn copy(&self, from: &str, to: &str) -> Result<Copied, String> {
        let (from, to) = (from.parse().unwrap(), to.parse().unwrap());
        oci::copy(Some(&self.registries()), &from, &to, &()).map_err(|error| explain(&error))
    }

    fn tree(&self, reference: &str) -> Result<String, String> {
        let image = self.pull(reference)?;
        let mut tree = Tree::new();
        for layer in image.layers {
            tree.add_layer(layer).map_err(|error| explain(&error))?;
        }
        Ok(dump(&tree))
    }
}

fn explain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

fn check(found: Result<String, String>) {
    let tree = found.unwrap_or_else(|error| panic!("{error}"));
    assert!(
        tree.contains("/sbin/init size=10") && !tree.contains("/etc/old"),
        "{tree}"
    );
}

fn check_error(found: Result<String, String>, words: &[&str]) {
    let error = found.unwrap_err();
    for word in words {
        assert!(error.contains(word), "{word:?} is not in {error}");
    }
    for secret in ["s3cret", "czNjcmV0", "T0KEN"] {
        assert!(!error.contains(secret), "a secret is in {error}");
    }
}

#[test]
fn a_second_pull_fetches_nothing_that_is_known_by_its_digest() {
    let server = Server::start(holding(&Contents::default()));
    let mut machine = Machine::new();
    let tag = format!("oci://{}/team/system:1.0", server.host);
    let image = machine.pull(&tag).unwrap();
    check(machine.tree(&tag));
    assert_eq!(
        server.asked("/manifests/1.0").len(),
        2,
        "a tag is looked up each time"
    );
    let blobs = server
        .asked("")
        .iter()
        .filter(|asked| asked.path.contains("/blobs/"))
        .count();
    assert_eq!(blobs, 3, "configuration and two layers, once each");
    machine.offline = true;
    check_error(machine.tree(&tag), &["what its tag names", "--offline"]);
    check(machine.tree(&format!("{tag}@sha256:{}", image.digest)));
    let other = format!("{tag}@sha256:{}", "0".repeat(64));
    check_error(machine.tree(&other), &["its manifest", "--offline"]);
    machine.offline = false;
    check_error(
        machine.tree(&other),
        &["404", "check the image's name and tag"],
    );
    check(machine.tree(&format!("oci://{}/team/system", server.host)));
}

#[test]
fn what_does_not_match_is_refused_and_not_kept() {
    let lying = Arc::new(AtomicUsize::new(1));
    let lies = Arc::clone(&lying);
    let good = holding(&Contents::default());
    let server = Server::start(move |request| {
        let mut reply = good(request);
        if lies.load(Ordering::SeqCst) == 1 && request.path.contains("/blobs/")
            || lies.load(Ordering::SeqCst) == 2 && request.path.contains("/manifests/")
        {
            let at = reply.body.len() / 2;
            reply.body[at] ^= 1;
        }
        if lies.load(Ordering::SeqCst) == 3 && request.path.contains("/blobs/") {
            reply.body.push(0);
        }
        reply
    });
    let machine = Machine::new();
    let tag = format!("oci://{}/team/system:1.0", server.host);
    check_error(
        machine.tree(&tag),
        &["has the SHA-256", "damaged or altered", "/team/system"],
    );
    lying.store(0, Ordering::SeqCst);
    let digest = Machine::new().pull(&tag).unwrap().digest;
    lying.store(2, Ordering::SeqCst);
    let named = format!("{tag}@sha256:{digest}");
    check_error(
        Machine::new().tree(&named),
        &["has the SHA-256", &digest.to_string()],
    );
    lying.store(3, Ordering::SeqCst);
    check_error(
        Machine::new().tree(&tag),
        &["the registry sends", "are expected"],
    );
    lying.store(0, Ordering::SeqCst);
    check(machine.tree(&named));
}

#[test]
fn a_cut_blob_is_continued_and_a_busy_server_waited_for() {
    let good = holding(&Contents::default());
    let (cuts, busy) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let server = Server::start(move |request| {
        let mut reply = good(request);
        if request.path.ends_with("/manifests/1.0") && busy.fetch_add(1, Ordering::SeqCst) == 0 {
            return Reply::status(429).with("Retry-After", "1");
        }
        if request.path.contains("/blobs/") && cuts.fetch_add(1, Ordering::SeqCst) < 2 {
            reply.cut = Some(reply.body.len() / 2);
        }
        reply
    });
    let started = std::time::Instant::now();
    check(Machine::new().tree(&format!("oci://{}/team/system:1.0", server.host)));
    assert!(
        started.elapsed() >= Duration::from_secs(1),
        "Retry-After was not waited for"
    );
    let all = server.asked("");
    let ranges = all
        .iter()
        .filter(|asked| asked.get("range").is_some())
        .count();
    assert!(
        ranges >= 1,
        "{ranges} requests went on from where one was cut"
    );
}

#[test]
fn statuses_say_what_to_do() {
    for (status, words) in [
        (401, &["401", "log in with 'docker login'"][..]),
        (403, &["403", "may not read the image"]),
        (404, &["404", "name and tag"]),
        (429, &["429", "try later, or log in"]),
        (500, &["500", "try later"]),
        (418, &["418", "container registry"]),
    ] {
        let server = Server::start(move |_| Reply::status(status));
        let found = Machine::new().tree(&format!("oci://{}/a:1", server.host));
        check_error(found, words);
    }
    let nobody = Machine::new().tree("oci://127.0.0.1:1/a:1");
    check_error(
        nobody,
        &[
            "cannot be had",
            "http://127.0.0.1:1/v2/a/manifests/1",
            "refused",
        ],
    );
}

const BASIC: &str = "Basic b3duZXI6czNjcmV0";
/// `owner:s3cret`
const ENTRY: &str = r#""auth": "b3duZXI6czNjcmV0""#;

#[test]
fn a_password_is_sent_only_when_asked_for() {
    let good = holding(&Contents::default());
    let server = Server::start(move |request| match request.get("authorization") {
        Some(BASIC) => good(request),
        _ => Reply::status(401).with("WWW-Authenticate", "Basic realm=\"x\""),
    });
    let tag = format!("oci://{}/team/system:1.0", server.host);
    check(Machine::with_login(&server.host, ENTRY).tree(&tag));
    let first = server.asked("/manifests/1.0")[0]
        .get("authorization")
        .map(str::to_owned);
    assert_eq!(first, None);
    check_error(Machine::new().tree(&tag), &["401", "log in"]);
    let wrong = Machine::with_login(&server.host, r#""auth": "b3duZXI6d3Jvbmc=""#);
    check_error(wrong.tree(&tag), &["401", "log in"]);
    let other = Machine::with_login("other.example", ENTRY);
    check_error(other.tree(&tag), &["401", "log in"]);
}

/// A registry that wants tokens of the server at `realm`.
fn wanting_tokens(realm: String) -> impl Fn(&Request) -> Reply + Send + Sync {
    let good = holding(&Contents::default());
    move |request| match request.get("authorization") {
        Some("Bearer T0KEN") => good(request),
        _ => {
            let scope = "repository:team/system:pull";
            let ask = format!(r#"Bearer realm="{realm}",service="here",scope="{scope}""#);
            Reply::status(401).with("WWW-Authenticate", &ask)
        }
    }
}

#[test]
fn tokens_are_fetched_for_passwords_and_for_nobody() {
    let issuer = Server::start(|request| {
        let query = "/token?service=here&scope=repository%3Ateam%2Fsystem%3Apull";
        match (request.path.as_str(), request.get("authorization")) {
            (path, None | Some(BASIC)) if path == query => {
                Reply::body(r#"{"token": "T0KEN", "expires_in": 300}"#)
            }
            (_, Some(_)) => Reply::status(401),
            _ => Reply::status(400),
        }
    });
    let server = Server::start(wanting_tokens(format!("http://{}/token", issuer.host)));
    let tag = format!("oci://{}/team/system:1.0", server.host);
    check(Machine::new().tree(&tag));
    assert_eq!(issuer.asked("").len(), 1, "one token for all");
    check(Machine::with_login(&server.host, ENTRY).tree(&tag));
    assert_eq!(issuer.asked("")[1].get("authorization"), Some(BASIC));
    let wrong = Machine::with_login(&server.host, r#""auth": "b3duZXI6d3Jvbmc=""#);
    check_error(wrong.tree(&tag), &["401", "user or password is wrong"]);
}

#[test]
fn identity_tokens_are_posted() {
    let issuer = Server::start(|request| match request.method.as_str() {
        "POST" => Reply::body(r#"{"access_token": "T0KEN"}"#),
        _ => Reply::status(405),
    });
    let server = Server::start(wanting_tokens(format!("http://{}/token", issuer.host)));
    let machine = Machine::with_login(&server.host, r#""identitytoken": "long&lived""#);
    check(machine.tree(&format!("oci://{}/team/system:1.0", server.host)));
    let form = String::from_utf8(issuer.asked("/token")[0].body.clone()).unwrap();
    assert!(form.contains("grant_type=refresh_token"), "{form}");
    assert!(form.contains("refresh_token=long%26lived"), "{form}");
}

#[test]
fn neither_login_nor_token_goes_elsewhere() {
    for realm in [
        "http://registry.example/token",
        "ftp://x",
        "",
        "https://me:s3cret@h/t",
    ] {
        let server = Server::start(wanting_tokens(realm.to_owned()));
        let machine = Machine::with_login(&server.host, ENTRY);
        let found = machine.tree(&format!("oci://{}/team/system:1.0", server.host));
        let error = found.unwrap_err();
        assert!(error.contains("not a https address"), "{realm}: {error}");
    }
    let strange = Server::start(|_| Reply::status(401).with("WWW-Authenticate", "Negotiate"));
    let found = Machine::new().tree(&format!("oci://{}/a:1", strange.host));
    check_error(found, &["asks for negotiate", "Basic", "Bearer"]);
    // Blobs are elsewhere: the login stays here.
    let good = holding(&Contents::default());
    let store = Server::start(holding(&Contents::default()));
    let to = store.host.clone();
    let server = Server::start(move |request| match request.get("authorization") {
        Some(BASIC) if request.path.contains("/blobs/") => {
            Reply::status(307).with("Location", &format!("http://{to}{}", request.path))
        }
        Some(BASIC) => good(request),
        _ => Reply::status(401).with("WWW-Authenticate", "Basic realm=\"x\""),
    });
    let tag = format!("oci://{}/team/system:1.0", server.host);
    check(Machine::with_login(&server.host, ENTRY).tree(&tag));
    let there = store.asked("");
    assert_eq!(there.len(), 3);
    assert!(
        there
            .iter()
            .all(|asked| asked.get("authorization").is_none()),
        "{there:?}"
    );
}

#[test]
fn a_stranger_behind_a_redirect_learns_no_login() {
    let thief = Server::start(|_| Reply::body(r#"{"token": "T0KEN"}"#));
    let realm = format!("http://{}/token", thief.host);
    let store = Server::start(move |_| {
        let ask = format!(r#"Bearer realm="{realm}",service="here""#);
        Reply::status(401).with("WWW-Authenticate", &ask)
    });
    let to = store.host.clone();
    let good = holding(&Contents::default());
    let server = Server::start(move |request| match request.path.contains("/blobs/") {
        true => Reply::status(307).with("Location", &format!("http://{to}/x")),
        false => good(request),
    });
    let machine = Machine::with_login(&server.host, ENTRY);
    let found = machine.tree(&format!("oci://{}/team/system:1.0", server.host));
    check_error(found, &["401"]);
    assert_eq!(thief.asked("").len(), 0, "the thief was asked for a token");
}

#[test]
fn garbage_for_a_token_is_not_repeated() {
    for answer in [
        "s3cret",
        "{}",
        r#"{"token": "s3cret\n"}"#,
        r#"{"token": {"s3cret": 1}}"#,
    ] {
        let issuer = Server::start(move |_| Reply::body(answer));
        let server = Server::start(wanting_tokens(format!("http://{}/token", issuer.host)));
        let found = Machine::new().tree(&format!("oci://{}/team/system:1.0", server.host));
        check_error(found, &["is no token"]);
    }
}

#[test]
fn without_tls_only_where_it_is_named() {
    // Nobody is there; what matters is how it was asked.
    let error = Machine::new()
        .pull("oci://registry.invalid:1/a:1")
        .unwrap_err();
    assert!(
        error.contains("https://registry.invalid:1/v2/a/manifests/1"),
        "{error}"
    );
}

#[test]
fn an_index_leads_to_this_platform() {
    let contents = Contents::default();
    let files = contents.files();
    let (name, manifest) = files
        .iter()
        .find(|(_, bytes)| bytes.windows(9).any(|w| w == b"\"layers\":"))
        .unwrap();
    let digest = name.strip_prefix("blobs/sha256/").unwrap();
    let size = manifest.len();
    let index = format!(
        r#"{{"schemaVersion": 2, "manifests": [
            {{"mediaType": "{MANIFEST}", "digest": "sha256:{}", "size": 7,
              "platform": {{"os": "linux", "architecture": "arm64"}}}},
            {{"mediaType": "{MANIFEST}", "digest": "sha256:{digest}", "size": {size},
              "platform": {{"os": "linux", "architecture": "amd64"}}}}]}}"#,
        "1".repeat(64)
    );
    let good = holding(&contents);
    let (text, typed) = (index.clone(), AtomicUsize::new(0));
    let server = Server::start(move |request| {
        if !request.path.ends_with("/manifests/many") {
            return good(request);
        }
        let reply = Reply::body(text.clone());
        // What it is called, what looks like nothing, nothing at all.
        match typed.fetch_add(1, Ordering::SeqCst) {
            0 => reply.with("Content-Type", INDEX),
            1 => reply.with("Content-Type", "text/plain; charset=utf-8"),
            _ => reply,
        }
    });
    let tag = format!("oci://{}/team/system:many", server.host);
    for _ in 0..3 {
        let image = Machine::new().pull(&tag).unwrap();
        assert_eq!(image.digest.to_string(), hex(index.as_bytes()));
        assert_eq!(image.layers.len(), 2);
    }
}

#[test]
fn a_helper_that_is_not_there_is_named() {
    // One that is there is in the tests of the command, which can have a PATH of its own.
    let mut machine = Machine::new();
    machine.auth = Some(r#"{"credsStore": "absent-here"}"#.to_owned());
    let server = Server::start(|_| Reply::status(401).with("WWW-Authenticate", "Basic"));
    let error = machine
        .pull(&format!("oci://{}/a:1", server.host))
        .unwrap_err();
    assert!(error.contains("docker-credential-absent-here"), "{error}");
    assert!(error.contains("cannot be started"), "{error}");
}
