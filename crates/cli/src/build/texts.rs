//! The few files of a root that a build looks into: read at once, and kept.

use source::tree::{Node, Origin, Tree};

use super::work::Work;
use crate::exit::WithCode;

/// What says who can log in, and where.
pub const ACCOUNTS: &[&str] = &["etc/group", "etc/inittab", "etc/passwd", "etc/shadow"];

/// Larger ones stay where they are, in bytes.
const MOST: u64 = 64 << 20;

/// The same tree with these files in memory: each is read several times, and a layer is read from its
/// start every time. What cannot be read is left as it is, for whoever needs it to find out.
pub fn at_hand<P: AsRef<str>>(tree: &Tree, paths: &[P], work: &Work) -> Tree {
    let mut at_hand = tree.clone();
    let real = |path: &P| {
        let path = path.as_ref();
        let real = tree.resolve(path).ok()?;
        let content = tree.get(&real)?.content()?;
        let far = matches!(content.origin, Origin::Layer { .. }) && content.size <= MOST;
        far.then(|| (path.to_owned(), real))
    };
    let real: Vec<_> = paths.iter().filter_map(real).collect();
    if real.is_empty() {
        return at_hand;
    }
    let names: Vec<&[u8]> = real.iter().map(|(path, _)| path.as_bytes()).collect();
    let files = work.files(("texts", &names), tree, || {
        let contents = tree.read_many(real.iter().map(|(_, real)| real), MOST);
        let names = real.iter().map(|(path, _)| path.clone());
        Ok(names.zip(contents.input_code()?).collect())
    });
    let Ok(mut files) = files else {
        return at_hand;
    };
    for (path, real) in real {
        if let (Some(node), Some(bytes)) = (at_hand.get_mut(&real), files.remove(&path)) {
            *node = Node::file(node.metadata.clone(), bytes);
        }
    }
    at_hand
}
