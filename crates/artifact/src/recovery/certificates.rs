//! The bundle of trusted certificates, which the package's script would have made.

use source::tree::{Error, Tree};

/// Where the package keeps one file a certificate.
const FOLDER: &str = "usr/share/ca-certificates/mozilla";

/// Where programs look (as Debian configures its TLS libraries).
const BUNDLE: &str = "etc/ssl/certs/ca-certificates.crt";

/// Largest certificate file that is taken, in bytes.
const LARGEST: u64 = 64 << 10;

/// Puts all certificates into one file, by file name. Nothing when there is none.
pub(super) fn bundle(tree: &mut Tree) -> Result<(), Error> {
    let names = tree.children(FOLDER).map(|(name, _, _)| name.to_vec());
    let paths: Vec<Vec<u8>> = names
        .filter(|name| name.ends_with(b".crt"))
        .map(|name| [FOLDER.as_bytes(), b"/", &name[..]].concat())
        .collect();
    let mut all = Vec::new();
    for certificate in tree.read_many(&paths, LARGEST)? {
        all.extend_from_slice(&certificate);
        if !certificate.ends_with(b"\n") {
            all.push(b'\n');
        }
    }
    if !all.is_empty() {
        tree.add_file(BUNDLE, all, 0o644)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn certificates_come_one_below_the_other_by_name() {
        let mut tree = Tree::new();
        for (name, content) in [("b.crt", "B"), ("a.crt", "A\n"), ("README", "x")] {
            tree.add_file(format!("{FOLDER}/{name}"), content.as_bytes(), 0o644)
                .unwrap();
        }
        bundle(&mut tree).unwrap();
        assert_eq!(tree.read(BUNDLE, 100).unwrap(), b"A\nB\n");
    }

    #[test]
    fn without_the_package_there_is_no_bundle() {
        let mut tree = Tree::new();
        bundle(&mut tree).unwrap();
        assert!(tree.get(BUNDLE).is_none());
    }
}
