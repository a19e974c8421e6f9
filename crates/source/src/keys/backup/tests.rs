use super::*;
use crate::keys::{KeySetOptions, RANDOM_SIZE, RsaBits, Signer, create};
use uguid::guid;

const OWNER: Guid = guid!("11111111-2222-3333-4444-123456789abc");

fn folder(passphrase: Option<&[u8]>) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let set = create(&KeySetOptions {
        rsa_bits: RsaBits::Rsa2048,
        owner: OWNER,
        common_name: "Owner",
        not_before: 1_767_225_599,
        validity_days: 3650,
        random: &[0x5a; RANDOM_SIZE],
        passphrase,
        others: &[],
    });
    set.unwrap().write(&folder.path().join("keys")).unwrap();
    folder
}

fn text(backup: &Backup) -> String {
    let lines = backup.lines();
    lines
        .iter()
        .map(|line| format!("{}\n", line.as_str()))
        .collect()
}

/// What is wrong with a text.
fn refused(text: &str) -> String {
    match read(text) {
        Ok(_) => panic!("taken: {text}"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn a_set_comes_back_from_its_lines() {
    for passphrase in [None, Some(&b"secret"[..])] {
        let folder = folder(passphrase);
        let keys = folder.path().join("keys");
        let mut all = String::new();
        for name in ["db", "PK", "KEK"] {
            let backup = Backup::of_folder(&keys, name).unwrap();
            assert_eq!(backup.is_encrypted, passphrase.is_some());
            let text = text(&backup);
            assert!(text.lines().all(|line| line.len() <= 62), "{text}");
            all.push_str(&format!("# {name}\n\n{text}"));
        }
        // As somebody types it: in any order, small, with what looks like digits.
        let mut typed: Vec<String> = all.lines().map(str::to_owned).collect();
        typed.reverse();
        let typed = typed.join("\r\n");
        let (start, rest) = typed.split_at(typed.len() / 2);
        let typed = format!("{}{rest}\n{all}", start.to_lowercase());
        let found = read(&typed).unwrap();
        let names: Vec<&str> = found.iter().map(|one| one.name.as_str()).collect();
        assert_eq!(names, ["PK", "KEK", "db"]);
        let open = |one: Backup| {
            let signer = one.open(passphrase).unwrap();
            (one, signer)
        };
        let opened: Vec<_> = found.into_iter().map(open).collect();
        let now = 1_800_000_000;
        let set = restore(opened, now).unwrap();
        let there: Vec<&str> = set.files.iter().map(|file| file.name.as_str()).collect();
        for file in &set.files {
            let original = fs::read(keys.join(&file.name)).unwrap();
            let is_signed = file.name.ends_with(".auth");
            assert_eq!(*file.content == original, !is_signed, "{}", file.name);
            assert_eq!(file.private, file.name.ends_with(".key"));
        }
        let entries = fs::read_dir(&keys).unwrap().count();
        assert_eq!(there.len(), entries, "{there:?}");
    }
}

#[test]
fn digits_that_base32_has_not_are_what_they_look_like() {
    let folder = folder(None);
    let backup = Backup::of_folder(&folder.path().join("keys"), "db").unwrap();
    let text = text(&backup);
    let typed: String = text
        .lines()
        .map(|line| {
            let (head, data) = line.split_at(line.find('/').unwrap() + 4);
            let data = data.replace('O', "0").replace('I', "1").replace('B', "8");
            format!("{head}{data}\n")
        })
        .collect();
    assert_ne!(typed, text);
    assert_eq!(read(&typed).unwrap()[0].certificate, backup.certificate);
}

#[test]
fn every_mistake_is_named_with_its_line() {
    let folder = folder(None);
    let keys = folder.path().join("keys");
    let backup = Backup::of_folder(&keys, "db").unwrap();
    let good = text(&backup);
    let lines: Vec<&str> = good.lines().collect();
    // Any character of any line, another one in its place.
    for (index, line) in lines.iter().enumerate().step_by(7) {
        for at in (0..line.len()).step_by(3) {
            let was = line.as_bytes()[at];
            let now = if was == b'Q' { b'R' } else { b'Q' };
            if was == b' ' {
                continue;
            }
            let mut changed = line.as_bytes().to_vec();
            changed[at] = now;
            let mut all: Vec<String> = lines.iter().map(|&line| line.to_owned()).collect();
            all[index] = String::from_utf8(changed).unwrap();
            let found = refused(&all.join("\n"));
            let expected = format!("line {}: ", index + 1);
            assert!(found.starts_with(&expected), "{found}: {}", all[index]);
        }
        // Two characters that changed places.
        let mut swapped = line.as_bytes().to_vec();
        let at = line.len() - 12;
        if swapped[at] != swapped[at + 1] && !swapped[at..at + 2].contains(&b' ') {
            swapped.swap(at, at + 1);
            let line = String::from_utf8(swapped).unwrap();
            assert!(refused(&line).starts_with("line 1: it was not copied right"));
        }
    }
    let without = |from: usize, to: usize| [&lines[..from], &lines[to..]].concat().join("\n");
    let total = lines.len();
    assert_eq!(
        refused(&without(2, 3)),
        format!("of db, lines 3 of {total} are missing")
    );
    let both = [&lines[..2], &lines[3..6], &lines[9..]].concat().join("\n");
    assert_eq!(
        refused(&both),
        format!("of db, lines 3, 7-9 of {total} are missing")
    );
    for (text, words) in [
        ("", "no line of a backup"),
        ("# only a remark\n\n", "no line of a backup"),
        ("x 1/9 AAAA", "line 1: it does not start with PK, KEK or db"),
        ("db", "not followed by a number"),
        ("db 0/9 AAAAAAAA", "not followed by a number"),
        ("db 10/9 AAAAAAAA", "not followed by a number"),
        (
            "db 1/99999999999999999999 AAAAAAAA",
            "not followed by a number",
        ),
        ("db 1/1000 AAAAAAAA", "not followed by a number"),
        ("db 1/9", "not copied right"),
        ("db 1/9 AAA", "not copied right"),
        ("db 1/9 ÄÄÄÄÄÄÄÄ", "not copied right"),
    ] {
        let found = refused(text);
        assert!(found.contains(words), "{text:?}: {found}");
    }
}

#[test]
fn lines_of_several_keys_are_not_mixed() {
    let (one, two) = (folder(None), folder(Some(b"secret")));
    let of = |folder: &tempfile::TempDir, name| {
        text(&Backup::of_folder(&folder.path().join("keys"), name).unwrap())
    };
    let (first, second) = (of(&one, "db"), of(&two, "db"));
    let found = refused(&format!("{first}{second}"));
    assert!(
        found.contains("of another db than the lines above"),
        "{found}"
    );
    // As long, and another.
    let again = folder(None);
    let found = refused(&format!("{first}{}", of(&again, "db")));
    assert!(found.contains("was another one above"), "{found}");
    // Half of the one and half of the other: each line is right.
    let half = first.lines().count() / 2;
    let mixed: Vec<String> = (first.lines().take(half).map(str::to_owned))
        .chain(of(&again, "db").lines().skip(half).map(str::to_owned))
        .collect();
    let mixed = read(&mixed.join("\n")).map(|found| found[0].open(None).map(drop));
    assert!(!matches!(mixed, Ok(Ok(()))), "a key of two halves");
}

#[test]
fn a_key_that_does_not_open_is_said() {
    let folder = folder(Some(b"secret"));
    let backup = Backup::of_folder(&folder.path().join("keys"), "db").unwrap();
    let found = |passphrase: Option<&[u8]>| match backup.open(passphrase) {
        Ok(signer) => signer.sign(b"x").map(|_| "opens".to_owned()).unwrap(),
        Err(error) => error.to_string(),
    };
    assert!(found(None).contains("passphrase is needed"));
    assert!(found(Some(b"other")).contains("does not open"));
    assert_eq!(found(Some(b"secret")), "opens");
}
