//! Paths: which are taken, and where they lead inside a tree.

use super::{Error, Kind, Metadata, Node, PathProblem, Tree};

/// Linux's `NAME_MAX`, in bytes.
const NAME_MAX: usize = 255;
/// Linux's `PATH_MAX` without the final zero, in bytes.
const PATH_MAX: usize = 4095;
/// Linux's `MAXSYMLINKS`.
const LINKS_MAX: usize = 40;

/// Bytes of a path as they are shown in messages: in quotes, what is not printable escaped,
/// a very long one cut in the middle.
#[derive(Clone, PartialEq, Eq)]
pub struct Quoted(Vec<u8>);

impl Quoted {
    pub(crate) fn new(path: &[u8]) -> Self {
        Self(path.to_vec())
    }

    /// The bytes themselves.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl std::fmt::Debug for Quoted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        const SHOWN: usize = 120;
        let text = String::from_utf8_lossy(&self.0);
        let count = text.chars().count();
        if count <= 2 * SHOWN {
            return write!(f, "{text:?}");
        }
        let start: String = text.chars().take(SHOWN).collect();
        let end: String = text.chars().skip(count - SHOWN).collect();
        write!(f, "{start:?}…{end:?}")
    }
}

/// The names in a path; empty ones and `.` are left out.
pub(super) fn names(path: &[u8]) -> Result<Vec<&[u8]>, PathProblem> {
    if path.contains(&0) {
        return Err(PathProblem::Nul);
    }
    let names: Vec<_> = split(path).collect();
    let mut length = 0;
    for name in &names {
        if *name == b".." {
            return Err(PathProblem::DotDot);
        }
        if name.len() > NAME_MAX {
            return Err(PathProblem::NameTooLong(name.len()));
        }
        length += name.len() + 1;
    }
    if length > PATH_MAX {
        return Err(PathProblem::TooLong(length));
    }
    Ok(names)
}

/// Whether a symbolic link may have this target.
pub(super) fn check_target(target: &[u8]) -> Result<(), PathProblem> {
    let possible = (1..=PATH_MAX).contains(&target.len()) && !target.contains(&0);
    match possible {
        true => Ok(()),
        false => Err(PathProblem::Target(target.len())),
    }
}

/// What the paths below `path` begin with.
pub(super) fn below(path: &[u8]) -> Vec<u8> {
    let mut prefix = path.to_vec();
    if !prefix.is_empty() {
        prefix.push(b'/');
    }
    prefix
}

/// Adds a name to a path.
pub(super) fn push(path: &mut Vec<u8>, name: &[u8]) {
    if !path.is_empty() {
        path.push(b'/');
    }
    path.extend_from_slice(name);
}

/// The path of the directory that a path is in.
pub(super) fn parent(path: &[u8]) -> &[u8] {
    let slash = path.iter().rposition(|byte| *byte == b'/');
    slash.map_or(b"", |slash| &path[..slash])
}

fn split(path: &[u8]) -> impl DoubleEndedIterator<Item = &[u8]> {
    let names = path.split(|byte| *byte == b'/');
    names.filter(|name| !name.is_empty() && *name != b".")
}

/// Where a walk ended.
enum Walk {
    /// Something is at this real path.
    At(Vec<u8>),
    /// Nothing is at this real path; these names, in reverse order, were still to come.
    Missing(Vec<u8>, Vec<Vec<u8>>),
}

impl Tree {
    /// Where a path leads when symbolic links are followed, the last one too: the real path of
    /// what is there. Links are followed inside the tree: an absolute target starts at the
    /// tree's root and `..` does not leave it.
    pub fn resolve(&self, path: impl AsRef<[u8]>) -> Result<Vec<u8>, Error> {
        let path = path.as_ref();
        let walk = names(path).and_then(|names| self.walk(Vec::new(), reversed(&names)));
        match walk {
            Ok(Walk::At(real)) => Ok(real),
            Ok(Walk::Missing(..)) => Err(Error::path(path, PathProblem::Missing)),
            Err(problem) => Err(Error::path(path, problem)),
        }
    }

    /// Like [`Tree::resolve`], but a symbolic link in the last place is not followed, and
    /// what the last name means may be missing.
    pub(super) fn resolve_parents(&self, path: &[u8]) -> Result<Vec<u8>, Error> {
        let names = names(path).map_err(|problem| Error::path(path, problem))?;
        let Some((last, parents)) = names.split_last() else {
            return Ok(Vec::new());
        };
        let walk = self.walk(Vec::new(), reversed(parents));
        let problem = match walk {
            Ok(Walk::At(real)) => match self.get(&real).is_some_and(Node::is_directory) {
                true => {
                    let mut real = real;
                    push(&mut real, last);
                    return Ok(real);
                }
                false => PathProblem::NotDirectory(Quoted::new(&real)),
            },
            Ok(Walk::Missing(..)) => PathProblem::Missing,
            Err(problem) => problem,
        };
        Err(Error::path(path, problem))
    }

    /// Like [`Tree::resolve_parents`]; directories that are missing on the way are made,
    /// behind dangling symbolic links too.
    pub(super) fn make_parents(&mut self, path: &[u8]) -> Result<Vec<u8>, Error> {
        let names = names(path).map_err(|problem| Error::path(path, problem))?;
        let Some((last, parents)) = names.split_last() else {
            return Ok(Vec::new());
        };
        let mut real = Vec::new();
        let mut todo = reversed(parents);
        // At most as many rounds as there are names, those in link targets included.
        loop {
            match self.walk(real, todo) {
                Ok(Walk::At(found)) => {
                    if !self.get(&found).is_some_and(Node::is_directory) {
                        let problem = PathProblem::NotDirectory(Quoted::new(&found));
                        return Err(Error::path(path, problem));
                    }
                    real = found;
                    break;
                }
                Ok(Walk::Missing(missing, rest)) => {
                    if missing.len() > PATH_MAX {
                        let problem = PathProblem::TooLong(missing.len());
                        return Err(Error::path(path, problem));
                    }
                    self.put(&missing, Node::directory(Metadata::root(0o755)));
                    real = missing;
                    todo = rest;
                }
                Err(problem) => return Err(Error::path(path, problem)),
            }
        }
        push(&mut real, last);
        match real.len() > PATH_MAX {
            true => Err(Error::path(path, PathProblem::TooLong(real.len()))),
            false => Ok(real),
        }
    }

    /// Goes from the real path of a directory along names (in reverse order).
    fn walk(&self, mut real: Vec<u8>, mut todo: Vec<Vec<u8>>) -> Result<Walk, PathProblem> {
        let mut links = 0;
        while let Some(name) = todo.pop() {
            let here = real.len();
            if name == b".." {
                real.truncate(parent(&real).len());
                continue;
            }
            push(&mut real, &name);
            match self.get(&real).map(|node| &node.kind) {
                None => return Ok(Walk::Missing(real, todo)),
                Some(Kind::Directory) => {}
                Some(Kind::Symlink(target)) => {
                    links += 1;
                    if links > LINKS_MAX {
                        return Err(PathProblem::Loop);
                    }
                    real.truncate(if target.starts_with(b"/") { 0 } else { here });
                    todo.extend(split(target).rev().map(<[u8]>::to_vec));
                }
                Some(_) if todo.is_empty() => {}
                Some(_) => return Err(PathProblem::NotDirectory(Quoted::new(&real))),
            }
        }
        Ok(Walk::At(real))
    }
}

fn reversed(names: &[&[u8]]) -> Vec<Vec<u8>> {
    names.iter().rev().map(|name| name.to_vec()).collect()
}
