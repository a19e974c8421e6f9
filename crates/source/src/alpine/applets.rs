//! busybox's links: `/bin/ls -> /bin/busybox` and 300 others.
//!
//! No package has them: busybox's own script makes them when it is installed, and a root without
//! them has no `sh` and no `init`. Since Alpine 3.17 the packages list the paths in
//! `/etc/busybox-paths.d/NAME`, one a line, for the program `/bin/NAME`: so they are made from that
//! list here, and nothing is run. What is there already stays, as it does with the script.

use crate::tree::{Error, Tree};

const LISTS: &str = "etc/busybox-paths.d";

/// The most that one list may take, in bytes; busybox's has 4,000.
const MOST: u64 = 1 << 20;

/// Adds the links that the tree's lists name.
pub(crate) fn link(tree: &mut Tree) -> Result<(), Error> {
    let lists: Vec<Vec<u8>> = tree
        .children(LISTS)
        .filter(|(_, _, node)| node.content().is_some())
        .map(|(name, ..)| name.to_vec())
        .collect();
    for name in lists {
        let program = [b"bin/", name.as_slice()].concat();
        let is_program = |path: &[u8]| tree.get(path).is_some_and(|n| n.content().is_some());
        if !is_program(&program) {
            continue;
        }
        let list = tree.read([LISTS.as_bytes(), b"/", &name].concat(), MOST)?;
        let target = [b"/", program.as_slice()].concat();
        for path in list.split(|byte| *byte == b'\n').filter(|p| !p.is_empty()) {
            let there = tree.resolve(path);
            // A link that leads nowhere is there too.
            let taken = there.is_ok_and(|real| tree.get(real).is_some());
            if !taken && tree.get(path).is_none() {
                tree.add_symlink(path, &target)?;
            }
        }
    }
    Ok(())
}
