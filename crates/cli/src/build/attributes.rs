//! Extended attributes that a squashfs cannot hold: access control lists above all, which a Debian with
//! systemd has on its journal. They are left out, and what is lost is said.

use source::tree::{Metadata, Tree};

/// The name spaces that squashfs has.
const HELD: [&[u8]; 3] = [b"user.", b"trusted.", b"security."];

/// Where an access control list is (acl(5)).
const ACCESS: &[u8] = b"system.posix_acl_access";

/// The list's entries for the owning group and for the mask (kernel: `include/uapi/linux/posix_acl.h`).
const GROUP_OBJ: u16 = 0x04;
const MASK: u16 = 0x10;

/// Takes them away; the files that had any.
pub fn leave_out(tree: &mut Tree) -> Vec<String> {
    let has = |metadata: &Metadata| metadata.xattrs.keys().any(|name| !is_held(name));
    let paths = tree.iter().filter(|(_, _, node)| has(&node.metadata));
    let paths: Vec<Vec<u8>> = paths.map(|(path, _, _)| path.to_vec()).collect();
    for path in &paths {
        if let Some(node) = tree.get_mut(path) {
            if let Some(list) = node.metadata.xattrs.get(ACCESS) {
                node.metadata.mode = without_list(node.metadata.mode, list);
            }
            node.metadata.xattrs.retain(|name, _| is_held(name));
        }
    }
    let names = paths
        .iter()
        .map(|path| String::from_utf8_lossy(path).into_owned());
    names.collect()
}

/// What is to be said of the files that [`leave_out`] names, if there are any.
pub fn note(label: &str, without: &[String]) -> Option<String> {
    let (first, others) = without.split_first()?;
    let more = match others.len() {
        0 => String::new(),
        count => format!(" and {count} more"),
    };
    Some(format!(
        "{label}: squashfs has no access control lists; left out at {first}{more}"
    ))
}

fn is_held(name: &[u8]) -> bool {
    HELD.iter().any(|space| name.starts_with(space))
}

/// The mode of a file without its list. While there is one, the mode's bits for the group are the
/// mask's, and the group may have had less: it does not get more.
fn without_list(mode: u16, list: &[u8]) -> u16 {
    let entries = list.get(4..).unwrap_or_default().chunks_exact(8);
    let entry = |wanted: u16| {
        let number = |at: usize, entry: &[u8]| u16::from_le_bytes([entry[at], entry[at + 1]]);
        let mut found = entries.clone().filter(|entry| number(0, entry) == wanted);
        found.next().map(|entry| number(2, entry) & 7)
    };
    match (entry(GROUP_OBJ), entry(MASK)) {
        (Some(group), Some(mask)) => mode & !0o070 | (group & mask) << 3,
        _ => mode,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(entries: &[(u16, u16)]) -> Vec<u8> {
        let mut list = vec![2, 0, 0, 0];
        for (tag, rights) in entries {
            list.extend(tag.to_le_bytes());
            list.extend(rights.to_le_bytes());
            list.extend(u32::MAX.to_le_bytes());
        }
        list
    }

    #[test]
    fn lists_go_and_the_group_gets_no_more_than_it_had() {
        let mut tree = Tree::new();
        tree.add_dir("var/log/journal", 0o2775).unwrap();
        tree.add_file("etc/plain", &b""[..], 0o640).unwrap();
        let journal = tree.get_mut("var/log/journal").unwrap();
        let entries = list(&[(0x01, 7), (GROUP_OBJ, 5), (0x08, 7), (MASK, 7), (0x20, 5)]);
        let xattrs = &mut journal.metadata.xattrs;
        xattrs.insert(ACCESS.to_vec(), entries);
        xattrs.insert(b"system.posix_acl_default".to_vec(), list(&[]));
        xattrs.insert(b"user.kept".to_vec(), Vec::new());
        assert_eq!(leave_out(&mut tree), ["var/log/journal"]);
        let journal = &tree.get("var/log/journal").unwrap().metadata;
        assert_eq!(journal.mode, 0o2755);
        assert!(journal.xattrs.keys().eq([b"user.kept"]));
        assert!(leave_out(&mut tree).is_empty());
    }

    #[test]
    fn a_list_without_a_mask_or_cut_changes_nothing() {
        assert_eq!(without_list(0o664, &list(&[(GROUP_OBJ, 4)])), 0o664);
        let cut = list(&[(GROUP_OBJ, 4), (MASK, 6)]);
        assert_eq!(without_list(0o664, &cut), 0o644);
        for length in 0..cut.len() {
            assert_eq!(without_list(0o664, &cut[..length]), 0o664, "{length}");
        }
    }
}
