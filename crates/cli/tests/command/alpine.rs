//! A root of Alpine packages, from a mirror that is honest and from others.

use std::process::Command;

use crate::apk::{Listing, MADE, Spec, key, noise};
use crate::bad_input::{Entry, MISSING, NETWORK, REFUSED, side_by_side};
use crate::place::{Place, Ran, SEALBOOT, run};
use crate::server::{Answer, Server};

const FOLDER: &str = "/alpine/v3.20/main/x86_64";
const TOOL: &str = "/alpine/v3.20/main/x86_64/tool-1.0-r0.apk";

/// A repository, and a folder to build in whose root is made of its packages.
struct World {
    place: Place,
    server: Server,
}

fn packages() -> Vec<Spec> {
    vec![
        Spec::new("tool", "1.0-r0")
            .file("755:usr/bin/tool", &noise(50_000))
            .info("depend", "so:libtool.so.1")
            .info("provides", "cmd:tool=1.0-r0")
            .script("post-install")
            .script("post-upgrade"),
        Spec::new("libtool", "3-r1")
            .file("usr/lib/libtool.so.1", b"ELF")
            .info("provides", "so:libtool.so.1=1.2"),
        Spec::new("libother", "3-r1")
            .file("usr/lib/libother.so.1", b"ELF")
            .info("provides", "so:libtool.so.1=0.9"),
        Spec::new("rival", "1-r0").info("depend", "!tool"),
        Spec::new("broken", "1-r0").info("depend", "missing>=2"),
        Spec::new("tool-extra", "1.0-r0")
            .file("etc/extra", b"x")
            .info("install_if", "tool=1.0-r0 libtool"),
    ]
}

impl World {
    fn new() -> Self {
        let world = Self {
            place: Place::new(),
            server: Server::start(),
        };
        world.publish(&Listing::default());
        let (place, mirror) = (&world.place, world.server.url("/alpine"));
        place.write(key(0).name, &key(0).public);
        place.configure(
            "directory = 'root' }",
            "directory = 'root' }, { alpine = ['tool'] }",
        );
        let archive = format!(
            "[alpine]\nmirror = '{mirror}'\nrepositories = ['main']\nkeys = ['{}']\n[kernel]",
            key(0).name
        );
        place.configure("[kernel]", &archive);
        place.earlier_release();
        world
    }

    fn publish(&self, listing: &Listing) {
        self.server.reset();
        let packages = packages();
        let index = format!("{FOLDER}/APKINDEX.tar.gz");
        self.server.put(&index, listing.index(&packages));
        for spec in packages {
            let path = format!("{FOLDER}/{}", spec.file_name());
            self.server.put(&path, spec.apk());
        }
    }

    fn build(&self) -> Ran {
        let mut command = self.place.command(SEALBOOT);
        run(command
            .args(["build", "--cache", "cache"])
            .env_remove("http_proxy"))
    }

    fn check_success(&self, case: &str) {
        let words = [
            "6 packages, signatures good",
            "scripts that are not run: tool 1.0-r0 (post-install)",
            "4 layers, ",
            "Release 1 is in out/",
        ];
        self.build().check(case, 0, &words);
    }

    /// A file of the root that was built.
    fn in_root(&self, path: &str) -> String {
        let image = self.place.path("out/root.squashfs");
        let mut command = Command::new("unsquashfs");
        let output = command.arg("-cat").arg(image).arg(path).output();
        let output = output
            .unwrap_or_else(|error| panic!("unsquashfs: {error}: apt-get install squashfs-tools"));
        assert!(output.status.success(), "{path}");
        String::from_utf8(output.stdout).unwrap()
    }
}

#[test]
fn a_root_of_packages_knows_what_it_is_made_of() {
    let world = World::new();
    world.check_success("good");
    assert_eq!(world.in_root("etc/apk/world"), "tool\n");
    let installed = world.in_root("lib/apk/db/installed");
    let names: Vec<&str> = installed
        .lines()
        .filter(|line| line.starts_with("P:"))
        .collect();
    assert_eq!(names, ["P:libtool", "P:tool", "P:tool-extra"]);
    assert!(
        installed.contains("F:usr/bin\nR:tool\na:0:0:755\n"),
        "{installed}"
    );
}

type Row = (&'static str, fn(&World), i32, &'static [&'static str]);

#[rustfmt::skip]
const ROWS: &[Row] = &[
    // Not believed.
    ("an index signed by a stranger", |w| w.publish(&Listing { key: Some((1, "RSA")), ..Listing::default() }), REFUSED,
        &["APKINDEX.tar.gz is refused", "stranger@example-2.rsa.pub", "not among the trusted"]),
    ("an altered index", |w| w.server.change("APKINDEX", |b| { let at = b.len() - 100; b[at] ^= 1; }), REFUSED,
        &["APKINDEX.tar.gz is refused", "altered"]),
    ("an index of another release", |w| w.publish(&Listing { description: "v3.19.4-7-gabcdef", ..Listing::default() }), REFUSED,
        &["APKINDEX.tar.gz is refused", "\"v3.19\"", "\"v3.20\" was asked for"]),
    ("a login page for an index", |w| w.server.put(&format!("{FOLDER}/APKINDEX.tar.gz"), b"<html>Please pay".to_vec()), REFUSED,
        &["APKINDEX.tar.gz is refused", "<htm"]),
    ("an altered Alpine package", |w| w.server.change(TOOL, |b| { let at = b.len() - 20_000; b[at] ^= 1; }), REFUSED,
        &["tool-1.0-r0.apk is not the file that was asked for", "SHA-256"]),
    ("an older package by the same name", |w| { let old = Spec::new("tool", "1.0-r0").file("x", &noise(60_000)); let size = w.server.file(TOOL).len(); let mut bytes = old.apk(); bytes.truncate(size); w.server.put(TOOL, bytes); }, REFUSED,
        &["tool-1.0-r0.apk", "not the package that its index describes"]),
    // Not had.
    ("no index", |w| w.server.remove("APKINDEX"), NETWORK,
        &["APKINDEX.tar.gz", "answered 404"]),
    ("no Alpine package", |w| w.server.remove("tool-1.0"), NETWORK,
        &["tool-1.0-r0.apk", "answered 404"]),
    ("an Alpine package that is cut", |w| w.server.always(TOOL, Answer::CutAfter(1000)), NETWORK,
        &["tool-1.0-r0.apk", "4000 of "]),
    // Had, and without what is needed.
    ("no such Alpine package", |w| w.place.configure("['tool']", "['tol']"), MISSING,
        &["root.source", "the package tol is wanted", "these repositories"]),
    ("a version that there is not", |w| w.place.configure("['tool']", "['tool>2']"), MISSING,
        &["the package tool>2 is wanted", "there is only tool 1.0-r0"]),
    ("a dependency that there is not", |w| w.place.configure("['tool']", "['broken']"), MISSING,
        &["broken 1-r0 needs missing>=2"]),
    ("two packages that conflict", |w| w.place.configure("['tool']", "['tool', 'rival']"), MISSING,
        &["rival 1-r0 (wanted) says that it conflicts with tool", "tool 1.0-r0 (wanted)", "leave one of them out"]),
];

#[test]
fn a_hostile_mirror_is_refused_and_a_good_one_works_afterwards() {
    let check = |(name, spoil, code, words): &Row| {
        let world = World::new();
        let good = std::fs::read_to_string(world.place.path("sealboot.toml")).unwrap();
        let size = world.server.file(TOOL).len();
        spoil(&world);
        let ran = world.build();
        ran.check(name, *code, words);
        world.place.check_earlier_release(name);
        let message = ran
            .message()
            .replace(&world.server.url(""), "http://mirror.example");
        // Signatures of new keys pack to other lengths.
        let message = message.replace(&format!(" of {size} bytes"), " of 51000 bytes");
        world.place.write("sealboot.toml", good);
        world.publish(&Listing::default());
        world.check_success(name);
        Entry {
            name: (*name).to_owned(),
            line: "sealboot build".to_owned(),
            code: *code,
            message: world.place.told(&message),
        }
    };
    // Broken lines are tried again after seconds.
    side_by_side("Alpine's archive", ROWS, |row| row.0, check);
}

#[test]
fn an_older_index_is_a_replay_until_it_is_allowed() {
    let world = World::new();
    world.check_success("first");
    world.publish(&Listing {
        made: MADE - 86_400,
        ..Listing::default()
    });
    let words = [
        "APKINDEX.tar.gz is refused",
        "08 Mar 2024",
        "09 Mar 2024",
        "allow_older",
    ];
    world.build().check("replayed", REFUSED, &words);
    world
        .place
        .configure("[alpine]", "[alpine]\nallow_older = true");
    world.check_success("allowed");
}
