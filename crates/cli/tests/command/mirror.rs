//! Whatever a mirror does: an error that names the address, the exit code that tells a liar from
//! a broken line, an output folder as it was, and a good run afterwards.

use std::time::{Duration, Instant};

use pgp::composed::SignedSecretKey;
use pgp::ser::Serialize;

use crate::bad_input::{Entry, MISSING, NETWORK, REFUSED, side_by_side};
use crate::fixture::{BIG, Contents, IN_RELEASE, Signing, key, noise};
use crate::place::{Place, Ran, SEALBOOT, run};
use crate::server::{Answer, Server};

/// When the archive was made, and when one before it: no machine's clock is before that.
const MADE: &str = "Sat, 09 Mar 2024 16:00:00 UTC";
const EARLIER: &str = "Fri, 08 Mar 2024 16:00:00 UTC";
/// [`MADE`], in seconds since 1970.
const SIGNED: u64 = 1_710_000_000;

/// An archive with a package for the root, and a folder to build in.
struct World {
    place: Place,
    server: Server,
    key: SignedSecretKey,
}

impl World {
    fn new() -> Self {
        let world = Self {
            place: Place::new(),
            server: Server::start(),
            key: key(1),
        };
        world.publish(good());
        let (place, mirror) = (&world.place, world.server.url("/debian"));
        place.write("archive.gpg", world.key.to_public_key().to_bytes().unwrap());
        place.configure(
            "directory = 'root' }",
            "directory = 'root' }, { debian = ['small'] }",
        );
        let archive = format!(
            "[debian]\nmirror = '{mirror}'\nsecurity_mirror = '{mirror}'\nsuites = ['trixie']\n\
             components = ['main']\nkeyrings = ['archive.gpg']\n[kernel]"
        );
        place.configure("[kernel]", &archive);
        place.earlier_release();
        world
    }

    fn publish(&self, contents: Contents) {
        self.publish_signed_by(contents, &self.key);
    }

    fn publish_signed_by(&self, contents: Contents, key: &SignedSecretKey) {
        self.server.reset();
        let text = contents.put(&self.server);
        let at = SIGNED;
        let signing = Signing {
            at,
            ..Signing::default()
        };
        self.server
            .put(IN_RELEASE, signing.sign(&text, &key.primary_key));
    }

    fn build(&self) -> Ran {
        let mut command = self.place.command(SEALBOOT);
        run(command
            .args(["build", "--cache", "cache"])
            .env_remove("http_proxy"))
    }

    /// The build fails like that and leaves the earlier release; what it said.
    fn check_refusal(&self, case: &str, code: i32, words: &[&str]) -> String {
        let ran = self.build();
        ran.check(case, code, words);
        self.place.check_earlier_release(case);
        let mirror = self.server.url("");
        let message = ran.message().replace(&mirror, "http://mirror.example");
        let message = match message.split_once("clock says ") {
            // "Tue, 24 Nov 2026 00:51:53 UTC"
            Some((before, after)) => format!("{before}clock says NOW{}", &after[29..]),
            None => message,
        };
        self.place.told(&message)
    }

    /// The build succeeds, and the packages are in the root.
    fn check_success(&self, case: &str) {
        let words = [
            "2 packages, signatures good",
            "3 layers, 2 files",
            "Release 1 is in out/",
        ];
        self.build().check(case, 0, &words);
        assert!(self.place.files("out").contains_key("disk.img"), "{case}");
    }
}

fn good() -> Contents {
    Contents {
        date: MADE,
        ..Contents::default()
    }
}

type Row = (&'static str, fn(&World), i32, &'static [&'static str]);

#[rustfmt::skip]
const ROWS: &[Row] = &[
    // Not believed.
    ("a stranger's signature", |w| w.publish_signed_by(good(), &key(2)), REFUSED,
        &["dists/trixie/InRelease is refused", "no valid signature", "not in the keyring", "another mirror"]),
    ("an altered InRelease", |w| w.server.change("InRelease", |b| { let at = b.len() / 4; b[at] ^= 1; }), REFUSED,
        &["dists/trixie/InRelease is refused", "was altered; use another mirror"]),
    ("a login page", |w| w.server.put(IN_RELEASE, b"<html>Please pay".to_vec()), REFUSED,
        &["dists/trixie/InRelease is refused", "login page"]),
    ("an expired InRelease", |w| w.publish(Contents { valid_until: Some(MADE), ..good() }), REFUSED,
        &["dists/trixie/InRelease is refused", "was valid until", "allow_expired"]),
    ("another suite", |w| w.publish(Contents { codename: "sid", ..good() }), REFUSED,
        &["dists/trixie/InRelease is refused", "\"sid\"", "\"trixie\" was asked for"]),
    ("an altered package", |w| w.server.change(BIG, |b| b[50_000] ^= 1), REFUSED,
        &["pool/big_1_amd64.deb", "SHA-256 is", "another mirror"]),
    ("a longer package", |w| w.server.change(BIG, |b| b.push(0)), REFUSED,
        &["pool/big_1_amd64.deb", "the server sends", "are expected"]),
    ("a package without end", |w| w.server.always(BIG, Answer::Endless), REFUSED,
        &["pool/big_1_amd64.deb", "the server sends at least"]),
    ("altered package lists", |w| w.server.change("binary-amd64", |b| b[40] ^= 1), REFUSED,
        &["by-hash/SHA256/", "SHA-256 is"]),
    ("signed garbage", |w| w.publish(Contents { packages: Some(noise(500)), ..good() }), REFUSED,
        &["Packages.xz cannot be read"]),
    // Not had.
    ("no InRelease", |w| w.server.remove("InRelease"), NETWORK,
        &["dists/trixie/InRelease", "answered 404 Not Found", "check the mirror"]),
    ("no package", |w| w.server.remove(BIG), NETWORK,
        &["pool/big_1_amd64.deb", "answered 404"]),
    ("a broken server", |w| w.server.always(IN_RELEASE, Answer::Status(503)), NETWORK,
        &["dists/trixie/InRelease", "answered 503", "try later"]),
    ("a connection that is cut", |w| w.server.always(BIG, Answer::CutAfter(1000)), NETWORK,
        &["pool/big_1_amd64.deb", "4000 of ", "run it again"]),
    ("a connection that is hung up", |w| w.server.always(IN_RELEASE, Answer::Hangup), NETWORK,
        &["dists/trixie/InRelease", "in 4 tries"]),
    ("not HTTP", |w| w.server.always(IN_RELEASE, Answer::Garbage), NETWORK,
        &["dists/trixie/InRelease"]),
    ("a redirect to itself", |w| { let to = w.server.url(BIG); w.server.always(BIG, Answer::Redirect(to)); }, NETWORK,
        &["pool/big_1_amd64.deb", "redirects in circles"]),
    ("no network", |w| w.place.configure(&w.server.url(""), "http://127.0.0.1:1"), NETWORK,
        &["http://127.0.0.1:1/debian/dists/trixie/InRelease", "refused", "check the network"]),
    ("a clock that is wrong by decades", |w| w.publish(Contents { date: "Sat, 09 Mar 2080 16:00:00 UTC", ..good() }), REFUSED,
        &["dists/trixie/InRelease is refused", "this machine's clock says", "set the clock"]),
    // Had, and without what is needed.
    ("no such package", |w| w.place.configure("['small']", "['smal']"), MISSING,
        &["root.source", "smal"]),
    ("no such component", |w| w.place.configure("['main']", "['main', 'contrib']"), MISSING,
        &["lists no contrib/binary-amd64/Packages.xz", "its components are main"]),
];

#[test]
fn a_hostile_mirror_is_refused_and_a_good_one_works_afterwards() {
    let check = |(name, spoil, code, words): &Row| {
        let world = World::new();
        let good_text = std::fs::read_to_string(world.place.path("sealboot.toml")).unwrap();
        spoil(&world);
        let message = world.check_refusal(name, *code, words);
        world.place.write("sealboot.toml", good_text);
        world.publish(good());
        world.check_success(name);
        Entry {
            name: (*name).to_owned(),
            line: "sealboot build".to_owned(),
            code: *code,
            message,
        }
    };
    // Broken lines are tried again after seconds.
    side_by_side("Downloads", ROWS, |row| row.0, check);
}

#[test]
fn errors_name_the_whole_address() {
    let world = World::new();
    world.server.remove("InRelease");
    world.check_refusal("404", NETWORK, &[&world.server.url(IN_RELEASE)]);
    world.publish(good());
    world.server.change(BIG, |bytes| bytes[50_000] ^= 1);
    world.check_refusal("altered", REFUSED, &[&world.server.url(BIG)]);
    world
        .place
        .configure(&world.server.url(""), "http://127.0.0.1:1");
    let words = [
        "http://127.0.0.1:1/debian/dists/trixie/InRelease",
        "refused",
        "check the network",
    ];
    world.check_refusal("nobody there", NETWORK, &words);
}

#[test]
fn an_older_archive_is_a_replay_until_it_is_allowed() {
    let world = World::new();
    world.check_success("first");
    let older = Contents {
        date: EARLIER,
        ..good()
    };
    world.publish(older.clone());
    let ran = world.build();
    let words = [
        "InRelease is refused",
        EARLIER,
        MADE,
        "replays an old one",
        "allow_older",
    ];
    ran.check("replayed", REFUSED, &words);
    assert!(
        world.place.files("out").contains_key("disk.img"),
        "the release of before is gone"
    );
    world
        .place
        .configure("[debian]", "[debian]\nallow_older = true");
    world.check_success("allowed");
}

#[test]
fn the_next_run_continues_a_download_that_was_cut() {
    let world = World::new();
    let [cut, hangup] = [Answer::CutAfter(70_000), Answer::Hangup];
    // The first source of all: nobody fetches its files ahead.
    let place = &world.place;
    place.configure(", { debian = ['small'] }", "");
    place.configure(
        "directory = 'kernel' }",
        "debian = ['small'] }, { directory = 'kernel' }",
    );
    world
        .server
        .answer(BIG, &[cut, hangup.clone(), hangup.clone(), hangup]);
    world.check_refusal("cut", NETWORK, &["pool/big_1_amd64.deb", "70000 of "]);
    let words = ["2 packages, signatures good", "Release 1 is in out/"];
    world.build().check("again", 0, &words);
    assert!(world.place.files("out").contains_key("disk.img"));
    let asked = world.server.asked(BIG);
    assert_eq!(asked.last().unwrap().from, Some(70_000), "{asked:?}");
}

#[test]
fn a_silent_server_can_be_left() {
    let world = World::new();
    world.server.always(IN_RELEASE, Answer::Silence);
    let mut command = world.place.command("timeout");
    command.args(["--signal=INT", "1", SEALBOOT, "build", "--cache", "cache"]);
    let started = Instant::now();
    run(command.env_remove("http_proxy"));
    assert!(started.elapsed() < Duration::from_secs(10));
    world.publish(good());
    world.check_success("afterwards");
    assert!(
        !world
            .place
            .files("out")
            .keys()
            .any(|name| name.starts_with('.'))
    );
}
