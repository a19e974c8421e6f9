//! Paths → directories with checked names and aliases. Nothing is placed yet.

use std::collections::HashMap;

use super::FILE_LIMIT;
use super::format::{DIRECTORY_LIMIT, ENTRY_SIZE};
use super::name::{self, ShortName};
use super::plan::PlanError;

/// A directory; the root is number 0.
#[derive(Clone, Debug)]
pub(super) struct Directory {
    /// Number of the directory above; the root's is its own.
    pub(super) parent: usize,
    /// By name.
    pub(super) children: Vec<Child>,
    /// Length of its entries, in bytes.
    pub(super) size: u64,
}

/// A file or directory in a directory.
#[derive(Clone, Debug)]
pub(super) struct Child {
    pub(super) name: String,
    pub(super) short: ShortName,
    pub(super) node: Node,
}

/// What a name stands for: its number among the directories or files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Node {
    Directory(usize),
    File(usize),
}

/// All directories of a volume.
#[derive(Clone, Debug)]
pub(super) struct Tree {
    pub(super) directories: Vec<Directory>,
}

impl Child {
    /// Whether its name needs entries of its own before the short one.
    pub(super) fn has_long_name(&self) -> bool {
        !name::is_short(&self.name, &self.short)
    }

    fn entries(&self) -> usize {
        match self.has_long_name() {
            true => 1 + name::long_entry_count(&self.name),
            false => 1,
        }
    }
}

impl Tree {
    /// `files` are paths and sizes; directories are made as needed.
    pub(super) fn new(files: &[(String, u64)], has_label: bool) -> Result<Self, PlanError> {
        let mut tree = Self {
            directories: vec![Directory {
                parent: 0,
                children: Vec::new(),
                size: 0,
            }],
        };
        // Folded names of each directory → place in its children.
        let mut names: HashMap<(usize, String), usize> = HashMap::new();
        for (number, (path, size)) in files.iter().enumerate() {
            if *size > FILE_LIMIT {
                return Err(PlanError::FileTooLarge {
                    path: path.clone(),
                    size: *size,
                });
            }
            tree.insert(&mut names, path, number)?;
        }
        tree.finish(files, has_label)?;
        Ok(tree)
    }

    fn insert(
        &mut self,
        names: &mut HashMap<(usize, String), usize>,
        path: &str,
        number: usize,
    ) -> Result<(), PlanError> {
        let clash = |part: &str, other: &str| {
            Err(PlanError::Clash {
                path: path.to_owned(),
                name: part.to_owned(),
                other: other.to_owned(),
            })
        };
        let mut directory = 0;
        let mut parts = path.split('/').peekable();
        while let Some(part) = parts.next() {
            if let Some(reason) = name::refusal(part) {
                return Err(PlanError::Name {
                    path: path.to_owned(),
                    reason,
                });
            }
            let is_file = parts.peek().is_none();
            let place = (directory, name::fold(part));
            let existing = names
                .get(&place)
                .and_then(|&index| self.directories[directory].children.get(index));
            match existing {
                Some(child) if child.name != part || is_file => return clash(part, &child.name),
                Some(child) => match child.node {
                    Node::Directory(inner) => directory = inner,
                    Node::File(_) => return clash(part, &child.name),
                },
                None => {
                    let node = match is_file {
                        true => Node::File(number),
                        false => Node::Directory(self.directories.len()),
                    };
                    let children = &mut self.directories[directory].children;
                    names.insert(place, children.len());
                    children.push(Child {
                        name: part.to_owned(),
                        short: [b' '; 11],
                        node,
                    });
                    if let Node::Directory(inner) = node {
                        self.directories.push(Directory {
                            parent: directory,
                            children: Vec::new(),
                            size: 0,
                        });
                        directory = inner;
                    }
                }
            }
        }
        Ok(())
    }

    /// Sorts, names and measures the directories.
    fn finish(&mut self, files: &[(String, u64)], has_label: bool) -> Result<(), PlanError> {
        for (number, directory) in self.directories.iter_mut().enumerate() {
            let children = &mut directory.children;
            children.sort_by(|a, b| a.name.cmp(&b.name));
            let own = match number {
                0 => usize::from(has_label),
                _ => 2, // . and ..
            };
            // Aliases could run out long after the directory is too large, so this is first.
            let least = own + children.len();
            if least as u64 * ENTRY_SIZE as u64 <= DIRECTORY_LIMIT {
                let aliases = name::aliases(children.iter().map(|child| child.name.as_str()));
                for (child, alias) in children.iter_mut().zip(aliases) {
                    child.short = alias;
                }
            }
            let entries = own + children.iter().map(Child::entries).sum::<usize>();
            directory.size = entries as u64 * ENTRY_SIZE as u64;
            if directory.size > DIRECTORY_LIMIT {
                let example = children.iter().find_map(|child| match child.node {
                    Node::File(file) => files.get(file).map(|(path, _)| path.clone()),
                    Node::Directory(_) => Some(child.name.clone()),
                });
                return Err(PlanError::DirectoryTooLarge {
                    example: example.unwrap_or_default(),
                    entries,
                });
            }
        }
        Ok(())
    }
}
