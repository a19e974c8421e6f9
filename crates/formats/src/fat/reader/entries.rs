//! Directories, entry by entry, with the clusters of what they hold.

use std::collections::HashSet;
use std::io::{Read, Seek};

use super::chain::Run;
use super::{DEPTH_LIMIT, Volume, join};
use crate::fat::format::{
    ATTR_DIRECTORY, ATTR_LONG_NAME, ATTR_LONG_NAME_MASK, ATTR_VOLUME_ID, ENTRY_DELETED, ENTRY_END,
    ENTRY_SIZE, LongEntry, ShortEntry,
};
use crate::fields::{Field, MOST, Row, rows, show, structure, value_of};

/// Most pieces of a file that are listed.
const RUNS: usize = 8;

const SHORT: &[Row] = rows!(ShortEntry {
    name: "DIR_Name" => show::text,
    attributes: "DIR_Attr" => |b| show::flags(b, &[
        (0x01, "READ_ONLY"),
        (0x02, "HIDDEN"),
        (0x04, "SYSTEM"),
        (ATTR_VOLUME_ID as u64, "VOLUME_ID"),
        (ATTR_DIRECTORY as u64, "DIRECTORY"),
        (0x20, "ARCHIVE"),
    ]),
    case: "DIR_NTRes" => show::hex,
    created_hundredths: "DIR_CrtTimeTenth" => show::number,
    created_time: "DIR_CrtTime" => time,
    created_date: "DIR_CrtDate" => date,
    accessed_date: "DIR_LstAccDate" => date,
    cluster_high: "DIR_FstClusHI" => show::number,
    written_time: "DIR_WrtTime" => time,
    written_date: "DIR_WrtDate" => date,
    cluster_low: "DIR_FstClusLO" => show::number,
    size: "DIR_FileSize" => show::number,
});

const LONG: &[Row] = rows!(LongEntry {
    order: "LDIR_Ord" => show::hex,
    units_1: "LDIR_Name1" => show::utf16,
    attributes: "LDIR_Attr" => show::hex,
    kind: "LDIR_Type" => show::hex,
    checksum: "LDIR_Chksum" => show::hex,
    units_2: "LDIR_Name2" => show::utf16,
    cluster_low: "LDIR_FstClusLO" => show::number,
    units_3: "LDIR_Name3" => show::utf16,
});

fn date(bytes: &[u8]) -> String {
    let date = show::little(bytes);
    let (year, month, day) = (1980 + (date >> 9), date >> 5 & 15, date & 31);
    format!("{} {year:04}-{month:02}-{day:02}", show::hex(bytes))
}

fn time(bytes: &[u8]) -> String {
    let time = show::little(bytes);
    let (hour, minute, second) = (time >> 11, time >> 5 & 63, 2 * (time & 31));
    format!("{} {hour:02}:{minute:02}:{second:02}", show::hex(bytes))
}

/// Most clusters of files that are followed: those of 64 GiB at 4096 bytes each.
const FOLLOWED: u64 = 16 << 20;

/// What may still be shown of a volume.
struct Left {
    entries: usize,
    clusters: u64,
}

/// A directory that is still to be shown.
struct Todo {
    path: String,
    cluster: u32,
    depth: usize,
}

impl<R: Read + Seek> Volume<R> {
    /// Every directory of the volume, which is at `base` of the file: an entry after the other, then the
    /// directories in it. At most [`MOST`] entries.
    pub(in crate::fat) fn directory_fields(&mut self, base: u64) -> Vec<Field> {
        let (mut fields, mut seen) = (Vec::new(), HashSet::new());
        let mut left = Left {
            entries: MOST,
            clusters: FOLLOWED,
        };
        let mut todo = vec![Todo {
            path: String::new(),
            cluster: self.root_cluster,
            depth: 0,
        }];
        while let Some(directory) = todo.pop() {
            let Todo {
                path,
                cluster,
                depth,
            } = &directory;
            let place = base.saturating_add(self.geometry.cluster_offset(*cluster));
            let ended = |why: String| Field::ended(place, format!("/{path}: {why}"));
            if left.entries == 0 {
                fields.push(ended(format!("only {MOST} entries are shown")));
                break;
            }
            // Each directory takes one, so that empty ones end, too.
            left.entries -= 1;
            if *depth >= DEPTH_LIMIT {
                fields.push(ended("it is too deep".to_owned()));
                continue;
            }
            let runs = match self.directory_runs(path, *cluster) {
                Ok(runs) => runs,
                Err(error) => {
                    fields.push(ended(error.to_string()));
                    continue;
                }
            };
            // So each cluster is read once, however directories point at each other.
            let mut clusters_of = runs.iter().flat_map(|r| r.cluster..r.cluster + r.count);
            if !clusters_of.all(|cluster| seen.insert(cluster)) {
                fields.push(ended(
                    "its clusters are those of another directory".to_owned(),
                ));
                continue;
            }
            let bytes = match self.read_runs(&runs) {
                Ok(bytes) => bytes,
                Err(error) => {
                    fields.push(ended(error.to_string()));
                    continue;
                }
            };
            let mut inner = Vec::new();
            let inside = self.entries_of(base, &directory, &runs, &bytes, &mut left, &mut inner);
            todo.extend(inner.into_iter().rev());
            let of = Some("fatgen103, Directory Structure");
            let size = (place, bytes.len() as u64);
            let name = format!("directory /{path}");
            fields.push(Field::of(size, name, of, inside).saying(clusters(&runs)));
        }
        fields
    }

    fn entries_of(
        &mut self,
        base: u64,
        directory: &Todo,
        runs: &[Run],
        bytes: &[u8],
        left: &mut Left,
        inner: &mut Vec<Todo>,
    ) -> Vec<Field> {
        let mut fields = Vec::new();
        for (index, entry) in bytes.chunks_exact(ENTRY_SIZE).enumerate() {
            let at = base.saturating_add(self.place_in(runs, (index * ENTRY_SIZE) as u64));
            let Some(short) = value_of::<ShortEntry>(entry) else {
                break;
            };
            if short.name[0] == ENTRY_END {
                break;
            }
            if left.entries == 0 {
                fields.push(Field::ended(at, format!("only {MOST} entries are shown")));
                break;
            }
            left.entries -= 1;
            let size = (at, ENTRY_SIZE as u64);
            if short.name[0] == ENTRY_DELETED {
                fields.push(Field::of(size, "deleted entry", None, Vec::new()));
                continue;
            }
            if short.attributes & ATTR_LONG_NAME_MASK == ATTR_LONG_NAME {
                let inside = structure(at, entry, LONG);
                fields.push(Field::of(size, "long name", None, inside));
                continue;
            }
            let name = super::directory::text(&short.name);
            let mut inside = structure(at, entry, SHORT);
            let is_directory = short.attributes & ATTR_DIRECTORY != 0;
            let is_dot = short.name.starts_with(b".");
            let is_label = short.attributes & ATTR_VOLUME_ID != 0;
            if is_directory && !is_dot && !is_label {
                inner.push(Todo {
                    path: join(&directory.path, name.trim_end()),
                    cluster: short.cluster(),
                    depth: directory.depth + 1,
                });
            } else if !is_directory && !is_label {
                inside.extend(self.content_of(base, &name, &short, left));
            }
            fields.push(Field::of(size, format!("entry {name:?}"), None, inside));
        }
        fields
    }

    /// Where a file's content is; none when it is empty.
    fn content_of(
        &mut self,
        base: u64,
        name: &str,
        entry: &ShortEntry,
        left: &mut Left,
    ) -> Option<Field> {
        let size = u64::from(entry.size.get());
        // A size has 32 bits, so this fits.
        let count = size.div_ceil(self.geometry.cluster_size.into()) as u32;
        if count == 0 {
            return None;
        }
        let place = base.saturating_add(self.geometry.cluster_offset(entry.cluster()));
        let Some(rest) = left.clusters.checked_sub(count.into()) else {
            let why = "too many clusters to follow them all";
            return Some(Field::ended(place, why));
        };
        left.clusters = rest;
        Some(match self.chain(name, entry.cluster(), count, true) {
            Ok(runs) => {
                // It is not inside of the entry.
                let value = format!("{size} bytes in {}", clusters(&runs));
                Field::new(place, 0, "content", value)
            }
            Err(error) => Field::ended(place, error.to_string()),
        })
    }

    /// Where byte `offset` of what is in the clusters is on the volume.
    fn place_in(&self, runs: &[Run], offset: u64) -> u64 {
        let cluster_size = u64::from(self.geometry.cluster_size);
        let index = offset / cluster_size;
        let run = runs.iter().rfind(|run| u64::from(run.index) <= index);
        run.map_or(0, |run| {
            let start = self.geometry.cluster_offset(run.cluster);
            start + (index - u64::from(run.index)) * cluster_size + offset % cluster_size
        })
    }
}

/// `clusters 5 to 9, 12`.
fn clusters(runs: &[Run]) -> String {
    let shown = runs.iter().take(RUNS).map(|run| match run.count {
        1 => run.cluster.to_string(),
        count => format!("{} to {}", run.cluster, run.cluster + count - 1),
    });
    let shown: Vec<String> = shown.collect();
    let more = match runs.len().saturating_sub(RUNS) {
        0 => String::new(),
        more => format!(", and {more} more pieces"),
    };
    format!("clusters {}{more}", shown.join(", "))
}
