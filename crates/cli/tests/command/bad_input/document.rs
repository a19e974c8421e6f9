//! `docs/reference/errors.md`: what the rows saw, one section a topic.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

/// One row, as it went.
pub(crate) struct Entry {
    pub(crate) name: String,
    pub(crate) line: String,
    pub(crate) code: i32,
    pub(crate) message: String,
}

/// All sections, in order. Each is written by the test of its topic.
const TOPICS: [&str; 17] = [
    "Configuration",
    "Keys",
    "Downloads",
    "Alpine's archive",
    "Sources",
    "Alpine packages",
    "Container images",
    "Registries",
    "Kernel",
    "Root, firmware, UKI",
    "Folders and surroundings",
    "One artefact",
    "Virtual machine",
    "Looking inside",
    "Writing an image",
    "Disks",
    "Disks that fail",
];

const INTRODUCTION: &str = "\
# Errors

What sealboot says when something is wrong, and its exit code. Tests make each of these happen, see
that nothing half-written is left, take the fault away and see that the same works then; this file is
what they saw. `sealboot --help` explains the exit codes.
";

/// One topic at a time: they share a file.
static FILE: Mutex<()> = Mutex::new(());

fn path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/errors.md")
}

/// The file's introduction, and its sections by title.
fn read() -> (String, BTreeMap<String, String>) {
    let text = fs::read_to_string(path()).unwrap_or_default();
    let mut parts = text.split("\n## ");
    let introduction = parts.next().unwrap_or_default().to_owned();
    let sections = parts.filter_map(|part| {
        let (title, section) = part.split_once('\n')?;
        Some((title.to_owned(), section.trim().to_owned()))
    });
    (introduction, sections.collect())
}

/// Compares a section with what the rows saw, or writes it.
pub(crate) fn document(topic: &str, entries: &[Entry]) {
    assert!(
        TOPICS.contains(&topic),
        "{topic} has no place in the document"
    );
    let section: String = entries.iter().map(Entry::render).collect();
    let section = section.trim().to_owned();
    // A failed comparison elsewhere is no reason not to make this one.
    let _one = FILE.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let (_, mut sections) = read();
    if std::env::var_os("UPDATE_REFERENCE").is_some() {
        sections.insert(topic.to_owned(), section.clone());
        let mut text = INTRODUCTION.to_owned();
        for topic in TOPICS {
            if let Some(section) = sections.get(topic) {
                text.push_str(&format!("\n## {topic}\n\n{section}\n"));
            }
        }
        fs::write(path(), text).unwrap();
    }
    let written = sections.remove(topic).unwrap_or_default();
    let differs = written.lines().zip(section.lines()).find(|(a, b)| a != b);
    assert!(
        written == section,
        "{topic} in docs/reference/errors.md has drifted: {differs:?}; run UPDATE_REFERENCE=1 \
         cargo test --workspace --test command"
    );
}

impl Entry {
    fn render(&self) -> String {
        let message = self.message.replace('\n', "\n    ");
        format!(
            "**{}**\n\n    $ {}\n    {}\n    $ echo $?\n    {}\n\n",
            self.name,
            self.line,
            message.trim_end(),
            self.code
        )
    }
}

#[test]
fn the_document_has_every_topic_and_no_other() {
    if std::env::var_os("UPDATE_REFERENCE").is_some() {
        return;
    }
    let (introduction, sections) = read();
    assert_eq!(introduction, INTRODUCTION);
    let mut topics = TOPICS;
    topics.sort_unstable();
    assert!(sections.keys().eq(topics), "{:?}", sections.keys());
}
