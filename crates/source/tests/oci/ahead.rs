//! What is fetched before anybody waits for it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use source::fetch::{Cache, Client, Digest, Request, Settings};

use crate::http::{Reply, Server};

/// A file's bytes: more than a socket holds by itself.
fn content(path: &str) -> Vec<u8> {
    let first = path.as_bytes().last().copied().unwrap_or_default();
    (0..20_000_000_u32).map(|n| (n / 3) as u8 ^ first).collect()
}

fn request(server: &Server, path: &str) -> Request {
    let bytes = content(path);
    Request {
        name: path.to_owned(),
        urls: vec![format!("http://{}{path}", server.host)],
        digest: Digest::of(&bytes),
        size: bytes.len() as u64,
    }
}

fn client(folder: &tempfile::TempDir) -> Client {
    let settings = Settings {
        proxy_from_environment: false,
        ..Settings::default()
    };
    Client::new(Cache::open(folder.path()).unwrap(), settings).unwrap()
}

fn asked(server: &Server) -> Vec<String> {
    let log = server.asked("");
    log.iter().map(|request| request.path.clone()).collect()
}

/// Waits until something holds; never for ever.
fn until(what: impl Fn() -> bool) {
    for _ in 0..2000 {
        if what() {
            return;
        }
        thread::sleep(Duration::from_millis(10));
    }
    panic!("it does not come about");
}

#[test]
fn what_the_cache_has_is_not_fetched_and_the_first_failure_ends_it() {
    let server = Server::start(|request| match request.path.as_str() {
        "/missing" => Reply::status(404),
        path => Reply::body(content(path)),
    });
    let folder = tempfile::tempdir().unwrap();
    let client = client(&folder);
    let files = ["/a", "/b", "/missing", "/c"].map(|path| request(&server, path));
    client.fetch(&files[0], &()).unwrap();
    client.fetch_ahead(files.clone());
    assert_eq!(asked(&server), ["/a", "/b", "/missing"]);
    for file in &files[..2] {
        assert!(client.cache().path(&file.digest).exists());
    }
    // Whoever needs it is told.
    let error = client.fetch(&files[2], &()).unwrap_err().to_string();
    assert!(error.contains("/missing"), "{error}");
}

#[test]
fn who_waits_goes_on_with_the_file_that_is_on_its_way() {
    let slow = AtomicBool::new(true);
    let server = Server::start(move |request| {
        let bytes = content(&request.path);
        let range = request.get("range").and_then(|range| {
            let start = range.strip_prefix("bytes=")?.strip_suffix('-')?;
            start.parse::<usize>().ok()
        });
        let mut reply = Reply::body(&bytes[range.unwrap_or(0)..]);
        if let Some(start) = range {
            let (end, all) = (bytes.len() - 1, bytes.len());
            reply.status = 206;
            reply = reply.with("Content-Range", &format!("bytes {start}-{end}/{all}"));
        }
        // Long enough for the other one to come, and never over by itself.
        reply.slow = slow
            .swap(false, Ordering::Relaxed)
            .then_some((1 << 20, 500));
        reply
    });
    let folder = tempfile::tempdir().unwrap();
    let client = client(&folder);
    let file = request(&server, "/a");
    let part = client.cache().path(&file.digest).with_extension("part");
    let later = request(&server, "/b");
    thread::scope(|scope| {
        scope.spawn(|| client.fetch_ahead([file.clone(), later.clone()]));
        until(|| part.metadata().is_ok_and(|part| part.len() > 1 << 20));
        client.fetch(&file, &()).unwrap();
    });
    let log = server.asked("");
    assert_eq!(asked(&server), ["/a", "/a", "/b"]);
    assert!(log[1].get("range").is_some(), "{:?}", log[1]);
    assert!(client.cache().path(&later.digest).exists());
}

#[test]
fn nothing_is_fetched_ahead_while_somebody_waits_or_when_it_is_over() {
    let open = Arc::new(Mutex::new(()));
    let gate = Arc::clone(&open);
    let server = Server::start(move |request| {
        if request.path == "/waited-for" {
            drop(gate.lock());
        }
        Reply::body(content(&request.path))
    });
    let folder = tempfile::tempdir().unwrap();
    let client = client(&folder);
    let [waited_for, later] = ["/waited-for", "/b"].map(|path| request(&server, path));
    let closed = open.lock().unwrap();
    thread::scope(|scope| {
        let client = &client;
        scope.spawn(|| client.fetch(&waited_for, &()).unwrap());
        until(|| asked(&server) == ["/waited-for"]);
        let ahead = scope.spawn(|| client.fetch_ahead([later.clone()]));
        thread::sleep(Duration::from_millis(300));
        assert_eq!(asked(&server), ["/waited-for"]);
        drop(closed);
        ahead.join().unwrap();
        assert_eq!(asked(&server), ["/waited-for", "/b"]);
        drop(client.end_ahead());
        client.fetch_ahead([request(&server, "/c")]);
        assert_eq!(asked(&server), ["/waited-for", "/b"]);
    });
}
