//! Telling trees apart without reading what is in their layers.
//!
//! A layer's SHA-256 and the number of an entry say which bytes a file has. Most layers were hashed
//! when they were merged; one that was not, what is in memory, and files of this machine are hashed
//! here.

use std::collections::{BTreeSet, HashMap};

use sha2::{Digest, Sha256};

use super::dump::lines;
use super::{Error, NodeId, Origin, Tree};

/// What a tree is. Trees with the same hash have the same paths, metadata and contents, and
/// [`Tree::read_contents`] gives the contents in the same order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    /// SHA-256 over all of that.
    pub sha256: [u8; 32],
    /// Whether any of it is in files of this machine, which may be changed at any time: whoever reads
    /// them for something that is kept asks for the identity anew behind that.
    pub on_this_machine: bool,
}

impl Tree {
    /// SHA-256 over paths, metadata and sizes, contents left out: the same for the same tree from
    /// wherever it is read.
    pub fn outline(&self) -> [u8; 32] {
        Sha256::digest(lines(self, &HashMap::new())).into()
    }

    /// See [`Identity`]. A file of this machine that was hashed before is read again only if it has
    /// changed since, by its size and times.
    pub fn identity(&self) -> Result<Identity, Error> {
        self.identify(false)
    }

    /// The same, all files of this machine read again.
    pub fn identity_anew(&self) -> Result<Identity, Error> {
        self.identify(true)
    }

    fn identify(&self, anew: bool) -> Result<Identity, Error> {
        // Layers by rank: one that no file is in any more makes no other tree.
        let mut used = BTreeSet::new();
        for (_, _, node) in self.iter() {
            if let Some(Origin::Layer { layer, .. }) = node.content().map(|content| &content.origin)
            {
                used.insert(*layer);
            }
        }
        let ranks: HashMap<usize, usize> = used.iter().copied().zip(0..).collect();
        let files = self.hash_files(anew)?;
        let on_this_machine = !files.is_empty();
        let hex = |hash: [u8; 32]| hash.map(|byte| format!("{byte:02x}")).concat();
        let files = files.into_iter().map(|(id, hash)| (id, hex(hash)));
        let mut contents: HashMap<NodeId, String> = files.collect();
        for (_, id, node) in self.iter() {
            let content = match node.content().map(|content| &content.origin) {
                Some(Origin::Bytes(bytes)) => crate::fetch::Digest::of(bytes).to_string(),
                Some(Origin::Layer { layer, entry }) => {
                    let rank = ranks.get(layer).copied().unwrap_or_default();
                    format!("{rank}:{entry}")
                }
                Some(Origin::File(_)) | None => continue,
            };
            contents.insert(id, content);
        }
        let mut hash = Sha256::new_with_prefix(lines(self, &contents));
        for layer in used.iter().filter_map(|layer| self.layers.get(*layer)) {
            hash.update(layer.sha256()?);
        }
        Ok(Identity {
            sha256: hash.finalize().into(),
            on_this_machine,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::directory;
    use crate::layer::{LayerKind, TarBytes};

    fn layer(files: &[(&str, &str)]) -> Arc<TarBytes> {
        let mut tar = tar::Builder::new(Vec::new());
        for (path, content) in files {
            let mut header = tar::Header::new_ustar();
            header.set_size(content.len() as u64);
            header.set_mode(0o644);
            tar.append_data(&mut header, path, content.as_bytes())
                .unwrap();
        }
        Arc::new(TarBytes {
            name: "test".to_owned(),
            bytes: tar.into_inner().unwrap().into(),
            kind: LayerKind::Archive,
        })
    }

    fn of(layers: &[&[(&str, &str)]]) -> Tree {
        let mut tree = Tree::new();
        for files in layers {
            tree.add_layer(layer(files)).unwrap();
        }
        tree
    }

    fn id(tree: &Tree) -> [u8; 32] {
        let identity = tree.identity().unwrap();
        assert!(!identity.on_this_machine);
        identity.sha256
    }

    #[test]
    fn every_difference_tells() {
        let base = of(&[&[("a", "1"), ("b", "2")]]);
        assert_eq!(id(&base), id(&of(&[&[("a", "1"), ("b", "2")]])));
        let mut others = vec![
            of(&[&[("a", "1"), ("b", "3")]]),
            of(&[&[("a", "1"), ("c", "2")]]),
            // The order in which contents are read is that of the stream.
            of(&[&[("b", "2"), ("a", "1")]]),
            of(&[&[("a", "1")], &[("b", "2")]]),
        ];
        let changes: [fn(&mut Tree); 6] = [
            |tree| tree.get_mut("a").unwrap().metadata.mode = 0o755,
            |tree| tree.get_mut("a").unwrap().metadata.uid = 1,
            |tree| tree.get_mut("a").unwrap().metadata.mtime = 1,
            |tree| {
                let xattrs = &mut tree.get_mut("a").unwrap().metadata.xattrs;
                xattrs.insert(b"user.a".to_vec(), Vec::new());
            },
            |tree| tree.add_dir("d", 0o755).map(|_| ()).unwrap(),
            |tree| tree.link("a", "e").map(|_| ()).unwrap(),
        ];
        for change in changes {
            let mut tree = base.clone();
            change(&mut tree);
            others.push(tree);
        }
        let mut ids: Vec<_> = others.iter().map(id).collect();
        ids.push(id(&base));
        let count = ids.len();
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), count);
        // What differs in contents only has the same outline.
        assert_eq!(base.outline(), others[0].outline());
        assert!(
            others[4..]
                .iter()
                .all(|tree| tree.outline() != base.outline())
        );
    }

    #[test]
    fn a_layer_without_files_tells_nothing() {
        let covered = of(&[&[("a", "0")], &[("a", "1"), ("b", "2")]]);
        assert_eq!(id(&covered), id(&of(&[&[("a", "1"), ("b", "2")]])));
    }

    #[test]
    fn files_of_this_machine_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let options = directory::Options {
            owner: directory::Owner::Root,
            mounts: directory::Mounts::Refuse,
        };
        let path = folder.path().join("file");
        std::fs::write(&path, "abc").unwrap();
        let mut tree = directory::read(folder.path(), options).unwrap();
        tree.clamp_mtimes(0);
        let first = tree.identity().unwrap();
        assert!(first.on_this_machine);
        assert_eq!(tree.identity().unwrap(), first);
        // Within a tick of the file system's clock.
        std::fs::write(&path, "abd").unwrap();
        assert_ne!(tree.identity_anew().unwrap(), first);
        std::fs::write(&path, "abc").unwrap();
        assert_eq!(tree.identity_anew().unwrap(), first);
        // Another tree with the same file.
        let mut other = Tree::new();
        other.graft("", &tree).unwrap();
        std::thread::sleep(std::time::Duration::from_millis(20));
        std::fs::write(&path, "abd").unwrap();
        assert_ne!(other.identity().unwrap(), first);
        std::fs::write(&path, "abcd").unwrap();
        assert!(tree.identity().is_err());
    }
}
