//! Continuing, trying again, taking turns.

use crate::fixture::*;
use crate::server::Answer;
use source::fetch::{Cache, Client, Digest, Progress, Request};
use std::sync::Mutex;
use std::time::Duration;

fn froms(world: &World, path: &str) -> Vec<Option<usize>> {
    world
        .server
        .asked(path)
        .into_iter()
        .map(|asked| asked.from)
        .collect()
}

#[test]
fn a_cut_download_continues_in_the_same_run() {
    let world = World::new();
    world.server.answer(BIG, &[Answer::CutAfter(70_000)]);
    world.fetch_well();
    assert_eq!(froms(&world, BIG), [None, Some(70_000)]);
}

#[test]
fn a_cut_download_continues_in_the_next_run() {
    let mut world = World::new();
    world.settings.tries = 1;
    world.server.answer(BIG, &[Answer::CutAfter(70_000)]);
    let error = world.fetch().unwrap_err();
    assert!(error.contains("70000 of"), "{error}");
    // (The small package, stopped by this error, may have left a partial file too.)
    let part = world.cached(BIG).with_extension("part");
    assert_eq!(std::fs::metadata(part).unwrap().len(), 70_000);
    world.fetch_well();
    assert_eq!(froms(&world, BIG), [None, Some(70_000)]);
    assert_eq!(world.parts(), []);
}

#[test]
fn a_server_that_cannot_continue_starts_again() {
    for answer in [Answer::IgnoreRange, Answer::OtherRange, Answer::Status(416)] {
        let world = World::new();
        world
            .server
            .answer(BIG, &[Answer::CutAfter(70_000), answer]);
        world.fetch_well();
        assert_eq!(froms(&world, BIG)[1], Some(70_000));
    }
}

#[test]
fn what_was_left_by_a_liar_is_not_continued_for_ever() {
    let length = World::new().server.file(BIG).len();
    for left in [noise(500), vec![0; length], vec![0; length + 1]] {
        let world = World::new();
        let part = world.cached(BIG).with_extension("part");
        std::fs::create_dir_all(part.parent().unwrap()).unwrap();
        std::fs::write(&part, left).unwrap();
        world.fetch_well();
        assert_eq!(world.parts(), []);
    }
}

#[test]
fn troubles_that_pass() {
    let troubles: [fn(&World) -> Answer; 4] = [
        |_| Answer::Status(500),
        |_| Answer::Status(429),
        |_| Answer::Hangup,
        |world| Answer::Redirect(world.server.url("/elsewhere/big.deb")),
    ];
    for trouble in troubles {
        let world = World::new();
        world
            .server
            .put("/elsewhere/big.deb", world.server.file(BIG));
        world.server.answer(BIG, &[trouble(&world)]);
        world.server.answer(IN_RELEASE, &[Answer::Status(502)]);
        world.fetch_well();
    }
}

#[test]
fn a_silent_server_is_given_up() {
    let mut world = World::new();
    world.settings.read_timeout = Duration::from_millis(300);
    world.settings.tries = 1;
    world.server.always(BIG, Answer::Silence);
    let error = world.fetch().unwrap_err();
    assert!(
        error.contains("big_1_amd64.deb") && error.contains("timeout"),
        "{error}"
    );
}

#[test]
fn nobody_there_is_said() {
    let mut world = World::new();
    world.archive.mirrors.debian = "http://127.0.0.1:1/debian".to_owned();
    let error = world.fetch().unwrap_err();
    assert!(
        error.contains("http://127.0.0.1:1/debian/dists/trixie/InRelease"),
        "{error}"
    );
    assert!(
        error.contains("2 tries") && error.contains("refused"),
        "{error}"
    );
}

#[test]
fn a_mirror_without_files_by_hash_has_them_by_name() {
    let world = World::new();
    world.server.remove("by-hash");
    world.fetch_well();
}

#[test]
fn offline_needs_the_cache_and_nothing_else() {
    let mut world = World::new();
    world.settings.offline = true;
    let error = world.fetch().unwrap_err();
    assert!(
        error.contains("the InRelease of trixie is not in the cache"),
        "{error}"
    );
    world.settings.offline = false;
    world.fetch_well();
    let asked = world.server.asked(IN_RELEASE).len();
    world.settings.offline = true;
    world.fetch_well();
    assert_eq!(world.server.asked(IN_RELEASE).len(), asked);
    std::fs::remove_file(world.cached(BIG)).unwrap();
    let error = world.fetch().unwrap_err();
    assert!(
        error.contains("big_1_amd64.deb is not in the cache"),
        "{error}"
    );
    assert!(error.contains("--offline"), "{error}");
}

#[test]
fn a_damaged_cache_is_mended() {
    let world = World::new();
    world.fetch_well();
    for damage in [noise(100_000), Vec::new()] {
        std::fs::write(world.cached(BIG), damage).unwrap();
        world.fetch_well();
    }
    assert_eq!(froms(&world, BIG), [None, None, None]);
}

#[test]
fn a_second_run_fetches_only_what_may_have_changed() {
    let world = World::new();
    world.fetch_well();
    world.fetch_well();
    assert_eq!(world.server.asked(IN_RELEASE).len(), 2);
    assert_eq!(world.server.asked(BIG).len(), 1);
}

#[test]
fn two_builds_at_once_fetch_a_file_once() {
    let world = World::new();
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| world.fetch_well());
        }
    });
    assert_eq!(world.server.asked(BIG).len(), 1);
    assert_eq!(world.parts(), []);
}

#[test]
fn progress_starts_at_what_is_there_and_ends_at_the_size() {
    #[derive(Default)]
    struct Seen(Mutex<Vec<(u64, u64)>>, Mutex<Vec<String>>);
    impl Progress for Seen {
        fn advance(&self, name: &str, done: u64, total: u64) {
            assert_eq!(name, "big.deb");
            self.0.lock().unwrap().push((done, total));
        }
        fn note(&self, _: &str, text: &str) {
            self.1.lock().unwrap().push(text.to_owned());
        }
    }
    let world = World::new();
    world.server.answer(BIG, &[Answer::CutAfter(70_000)]);
    let bytes = world.server.file(BIG);
    let size = bytes.len() as u64;
    let request = Request {
        name: "big.deb".to_owned(),
        urls: vec![world.server.url(BIG)],
        digest: Digest::of(&bytes),
        size,
    };
    let seen = Seen::default();
    world.client().fetch(&request, &seen).unwrap();
    let steps = seen.0.into_inner().unwrap();
    assert_eq!(steps.first(), Some(&(0, size)));
    assert_eq!(steps.last(), Some(&(size, size)));
    assert!(steps.windows(2).all(|pair| pair[0].0 <= pair[1].0));
    let notes = seen.1.into_inner().unwrap();
    assert_eq!(notes.len(), 1);
    assert!(notes[0].contains("trying again"), "{notes:?}");
}

#[test]
fn a_cache_that_cannot_be_written_is_named() {
    let world = World::new();
    // A file where a folder is needed stops root too.
    std::fs::write(world.folder.path().join("sha256"), b"").unwrap();
    let error = world.fetch().unwrap_err();
    assert!(
        error.contains("sha256") && error.contains("choose a cache folder"),
        "{error}"
    );
    let below = world.folder.path().join("sha256/cache");
    assert!(Cache::open(below).is_err());
}

#[test]
fn https_without_certificates_fails_closed() {
    let mut world = World::new();
    let none = world.folder.path().join("none.pem");
    world.settings.certificates = Some(none.clone());
    let cache = Cache::open(world.folder.path()).unwrap();
    let error = Client::new(cache, world.settings.clone())
        .err()
        .unwrap()
        .to_string();
    assert!(
        error.contains("none.pem") && error.contains("ca-certificates"),
        "{error}"
    );
}
