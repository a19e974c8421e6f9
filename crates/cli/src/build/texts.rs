//! The few files of a root that a build looks into: read at once, and kept.

use source::tree::{Node, Tree};

use super::work::Work;

/// What says who can log in, and where.
pub const ACCOUNTS: &[&str] = &["etc/group", "etc/inittab", "etc/passwd", "etc/shadow"];

/// Larger ones stay where they are, in bytes.
const MOST: u64 = 64 << 20;

/// The same tree with these files in memory: each is read several times, and a layer is read from its
/// start every time. What cannot be read is left as it is, for whoever needs it to find out.
pub fn at_hand<P: AsRef<str>>(tree: &Tree, paths: &[P], work: &Work) -> Tree {
    let mut at_hand = tree.clone();
    let mut unknown = Vec::new();
    for path in paths.iter().map(P::as_ref) {
        let Ok(real) = tree.resolve(path) else {
            continue;
        };
        let Some(node) = tree.get(&real) else {
            continue;
        };
        let small = node.content().is_some_and(|content| content.size <= MOST);
        let kept = small && tree.is_compared(node);
        let Some((layer, entry)) = tree.in_layer(node).filter(|_| kept) else {
            continue;
        };
        let entry = (entry as u64).to_le_bytes();
        match work
            .kept()
            .and_then(|kept| kept.find("text", &[&layer, &entry]))
        {
            Some(text) => put(&mut at_hand, &real, text),
            None => unknown.push((real, layer, entry)),
        }
    }
    let texts = tree.read_many(unknown.iter().map(|(real, ..)| real), MOST);
    for ((real, layer, entry), text) in unknown.into_iter().zip(texts.unwrap_or_default()) {
        if let Some(kept) = work.kept() {
            kept.keep("text", &[&layer, &entry], &text);
        }
        put(&mut at_hand, &real, text);
    }
    at_hand
}

fn put(tree: &mut Tree, path: &[u8], text: Vec<u8>) {
    if let Some(node) = tree.get_mut(path) {
        *node = Node::file(node.metadata.clone(), text);
    }
}
