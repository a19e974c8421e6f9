//! What a boot partition says that it holds. Nothing vouches for it here: it is for people, and to
//! find the way.

use std::io::{Read, Seek};

use contract::esp;
use contract::manifest::Manifest;
use formats::fat::Volume;

/// The largest manifest that is read, in bytes.
const LARGEST_MANIFEST: u64 = 1 << 20;

/// The manifest of the release on a volume; of several systems, one system's. `None` when there is
/// none that can be read.
pub fn manifest<R: Read + Seek>(volume: &mut Volume<R>) -> Option<Manifest> {
    let entries = volume.read_dir(esp::RELEASE).ok()?;
    let names = entries.into_iter().filter(|entry| !entry.is_directory);
    let mut names: Vec<String> = names
        .map(|entry| entry.name)
        .filter(|name| name.ends_with(esp::MANIFEST_END))
        .collect();
    names.sort_by_key(|name| (name != esp::MANIFEST, name.clone()));
    let mut read = |name: &String| {
        let bytes = volume
            .read(&format!("{}/{name}", esp::RELEASE), LARGEST_MANIFEST)
            .ok()?;
        let manifest = Manifest::from_json(&bytes).ok()?;
        (*name == esp::manifest_file(manifest.system_name())).then_some(manifest)
    };
    names.iter().find_map(&mut read)
}
