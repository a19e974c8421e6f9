//! Indexes and packages over HTTP, from a mirror that lies.

use std::time::Duration;

use source::alpine::{Archive, Error, Keyring, Package, download, resolve};
use source::fetch::{Cache, Client, Settings};
use source::resolve::Follow;

use crate::fixture::{Listing, MADE, Spec, key, noise};
use crate::server::{Answer, Server};

const INDEX: &str = "/alpine/v3.20/main/x86_64/APKINDEX.tar.gz";
const BIG: &str = "/alpine/v3.20/main/x86_64/big-1-r0.apk";

struct World {
    server: Server,
    cache: tempfile::TempDir,
    archive: Archive,
    settings: Settings,
}

fn packages() -> [Spec; 2] {
    let big = Spec::new("big", "1-r0").file("usr/big", &noise(200_000));
    let small = Spec::new("small", "2-r1")
        .file("etc/small", b"x")
        .info("depend", "big>=1");
    [big, small]
}

impl World {
    fn new() -> Self {
        let server = Server::start();
        let mut keyring = Keyring::default();
        keyring.add(key(0).name, &key(0).public).unwrap();
        let archive = Archive {
            mirror: server.url("/alpine/"),
            branch: "v3.20".to_owned(),
            repositories: vec!["main".to_owned()],
            architecture: "x86_64".to_owned(),
            keyring,
            allow_older: false,
        };
        let settings = Settings {
            pause: Duration::from_millis(1),
            proxy_from_environment: false,
            ..Settings::default()
        };
        let cache = tempfile::tempdir().unwrap();
        let world = Self {
            server,
            cache,
            archive,
            settings,
        };
        world.publish(&Listing::default());
        world
    }

    fn publish(&self, listing: &Listing) {
        self.server.reset();
        self.server.put(INDEX, listing.index(&packages()));
        for spec in packages() {
            let path = format!("/alpine/v3.20/main/x86_64/{}", spec.file_name());
            self.server.put(&path, spec.apk());
        }
    }

    fn client(&self) -> Client {
        let cache = Cache::open(self.cache.path()).unwrap();
        Client::new(cache, self.settings.clone()).unwrap()
    }

    /// Names of what was fetched, or the error with its causes.
    fn fetch(&self) -> Result<Vec<String>, String> {
        let fetch = || -> Result<Vec<String>, Error> {
            let client = self.client();
            let index = self.archive.index(&client, &())?;
            let wanted = ["small".parse().unwrap()];
            let chosen: Vec<&Package> =
                resolve(&index, &wanted, Follow::All, &[]).map_err(Box::new)?;
            let apks = download(&client, &chosen, &self.archive.keyring, &())?;
            Ok(apks.iter().map(|apk| apk.package().to_string()).collect())
        };
        fetch().map_err(|error| {
            let mut text = error.to_string();
            let mut cause = std::error::Error::source(&error);
            while let Some(error) = cause {
                text.push_str(&format!(": {error}"));
                cause = error.source();
            }
            text
        })
    }

    fn fetch_well(&self) {
        assert_eq!(self.fetch().unwrap(), ["big 1-r0", "small 2-r1"]);
    }

    fn refused(&self, words: &[&str]) {
        let error = self.fetch().unwrap_err();
        for word in words {
            assert!(error.contains(word), "{word:?} is not in {error}");
        }
    }
}

#[test]
fn what_is_fetched_is_kept() {
    let mut world = World::new();
    world.fetch_well();
    assert_eq!(world.server.asked(BIG).len(), 1);
    world.fetch_well();
    assert_eq!(world.server.asked(BIG).len(), 1);
    world.settings.offline = true;
    world.server.reset();
    world.fetch_well();
}

#[test]
fn a_damaged_cache_is_fetched_anew() {
    let mut world = World::new();
    world.fetch_well();
    for entry in std::fs::read_dir(world.cache.path().join("apk")).unwrap() {
        let path = entry.unwrap().path();
        let mut bytes = std::fs::read(&path).unwrap();
        let last = bytes.len() - 20;
        bytes[last] ^= 1;
        std::fs::write(&path, bytes).unwrap();
    }
    world.fetch_well();
    assert_eq!(world.server.asked(BIG).len(), 2);
    // The remembered index counts only while its signature does.
    for entry in std::fs::read_dir(world.cache.path().join("apkindex")).unwrap() {
        std::fs::write(entry.unwrap().path(), b"damaged").unwrap();
    }
    world.fetch_well();
    world.settings.offline = true;
    std::fs::remove_dir_all(world.cache.path().join("apk")).unwrap();
    world.refused(&["big-1-r0.apk", "--offline"]);
}

#[test]
fn a_cut_download_continues() {
    let world = World::new();
    world.server.answer(BIG, &[Answer::CutAfter(70_000)]);
    world.fetch_well();
    let asked = world.server.asked(BIG);
    assert_eq!(
        asked.iter().map(|asked| asked.from).collect::<Vec<_>>(),
        [None, Some(70_000)]
    );
}

#[test]
fn what_an_earlier_liar_left_is_thrown_away() {
    let mut world = World::new();
    world.settings.tries = 1;
    world.server.change(BIG, |bytes| bytes[1000] ^= 1);
    world.server.answer(BIG, &[Answer::CutAfter(70_000)]);
    world.refused(&["big-1-r0.apk", "70000 of"]);
    world.publish(&Listing::default());
    world.fetch_well();
    let asked = world.server.asked(BIG);
    assert_eq!(
        asked.iter().map(|asked| asked.from).collect::<Vec<_>>(),
        [Some(70_000), None]
    );
}

type Row = (&'static str, fn(&World), &'static [&'static str]);

#[rustfmt::skip]
const ROWS: &[Row] = &[
    ("a stranger's index", |w| w.publish(&Listing { key: Some((1, "RSA")), ..Listing::default() }),
        &["APKINDEX.tar.gz is refused", "stranger@example-2.rsa.pub", "alpine.keys"]),
    ("an index without a signature", |w| w.publish(&Listing { key: None, ..Listing::default() }),
        &["APKINDEX.tar.gz is refused", "not signed"]),
    ("an altered index", |w| w.server.change("APKINDEX", |b| { let at = b.len() - 100; b[at] ^= 1; }),
        &["APKINDEX.tar.gz is refused", "altered"]),
    ("a cut index", |w| w.server.change("APKINDEX", |b| b.truncate(b.len() - 100)),
        &["APKINDEX.tar.gz is refused", "altered"]),
    ("something behind the index", |w| w.server.change("APKINDEX", |b| b.push(0)),
        &["APKINDEX.tar.gz is refused", "altered"]),
    ("a login page", |w| w.server.put(INDEX, b"<html>Please pay".to_vec()),
        &["APKINDEX.tar.gz is refused", "starts with \"<htm\""]),
    ("another release's index", |w| w.publish(&Listing { description: "v3.19.1-5-gabc", ..Listing::default() }),
        &["APKINDEX.tar.gz is refused", "\"v3.19\"", "\"v3.20\" was asked for"]),
    ("signed garbage", |w| w.publish(&Listing { more: "garbage\n", ..Listing::default() }),
        &["APKINDEX.tar.gz is refused", "garbage", "a letter and a colon"]),
    ("an entry without checksum", |w| w.publish(&Listing { more: "P:x\nV:1\nA:x86_64\nS:1\n", ..Listing::default() }),
        &["x 1 has no checksum"]),
    ("an entry with a path as its name", |w| w.publish(&Listing { more: "P:../x\nV:1\n", ..Listing::default() }),
        &["the name \"../x\""]),
    ("an altered package", |w| w.server.change(BIG, |b| { let at = b.len() / 2; b[at] ^= 1; }),
        &["big-1-r0.apk is not the file that was asked for", "thrown away", "SHA-256"]),
    ("another package, well signed", |w| { let big = Spec::new("big", "1-r0").file("usr/big", &[7; 300]); let mut apk = big.apk(); let size = w.server.file(BIG).len(); apk.resize(size, 0); w.server.put(BIG, apk); },
        &["big-1-r0.apk", "not the package that its index describes"]),
    ("a longer package", |w| w.server.change(BIG, |b| b.push(0)),
        &["big-1-r0.apk", "the server sends"]),
    ("no package", |w| w.server.remove("big-1"), &["big-1-r0.apk", "404"]),
    ("no index", |w| w.server.remove("APKINDEX"), &["APKINDEX.tar.gz", "404"]),
    ("an index without end", |w| w.server.always(INDEX, Answer::Endless), &["APKINDEX.tar.gz", "more than"]),
];

#[test]
fn a_hostile_mirror_is_refused_and_a_good_one_works_afterwards() {
    for (case, spoil, words) in ROWS {
        let world = World::new();
        spoil(&world);
        let error = world.fetch().unwrap_err();
        for word in *words {
            assert!(error.contains(word), "{case}: {word:?} is not in {error}");
        }
        world.publish(&Listing::default());
        world.fetch_well();
    }
}

#[test]
fn an_older_index_is_a_replay_until_it_is_allowed() {
    let mut world = World::new();
    world.fetch_well();
    let older = Listing {
        made: MADE - 86_400,
        ..Listing::default()
    };
    world.publish(&older);
    world.refused(&[
        "APKINDEX.tar.gz is refused",
        "08 Mar 2024",
        "09 Mar 2024",
        "allow_older",
    ]);
    world.archive.allow_older = true;
    world.fetch_well();
    // What was allowed is not remembered as the newest.
    world.archive.allow_older = false;
    world.refused(&["allow_older"]);
}

#[test]
fn other_branches_and_addresses_are_not_asked_for_their_release() {
    let mut world = World::new();
    let other = Listing {
        description: "v3.19.1-5-gabc",
        ..Listing::default()
    };
    world.publish(&other);
    world.archive.repositories = vec![world.server.url("/alpine/v3.20/main")];
    world.fetch_well();
    world.archive.architecture = "riscv64".to_owned();
    world.refused(&["riscv64/APKINDEX.tar.gz", "404"]);
}
