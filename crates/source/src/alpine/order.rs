//! Which package's file it is where several have the same path (apk-package(5), "replaces").
//!
//! Layers merge in order, and the last one's file stays. So a package whose files replace another's
//! comes after it; else packages stay in the order in which they were.

use std::collections::{BTreeMap, BTreeSet};

use super::apk::Apk;
use super::data::Placed;
use super::package::Package;
use crate::tree::Quoted;

/// Packages that cannot be in one root.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Overlap {
    /// They have different files at the same path.
    #[error(
        "{path:?} is in {first} and in {second}, and neither says that it replaces the other's \
         files; leave one of them out"
    )]
    File {
        /// The path.
        path: Quoted,
        /// One package.
        first: String,
        /// The other.
        second: String,
    },
    /// Each replaces files of another.
    #[error("the packages {} replace each other's files in a circle; leave one of them out", .0.join(", "))]
    Circle(Vec<String>),
}

/// Puts packages into the order in which they are merged as layers.
pub(crate) fn in_layer_order(apks: Vec<Apk>) -> Result<Vec<Apk>, Overlap> {
    let packages: Vec<(&Package, &[Placed])> = apks
        .iter()
        .map(|apk| (apk.package(), apk.placed()))
        .collect();
    let order = order(&packages)?;
    let mut apks: Vec<Option<Apk>> = apks.into_iter().map(Some).collect();
    let take = |at: usize| apks.get_mut(at).and_then(Option::take);
    Ok(order.into_iter().filter_map(take).collect())
}

fn order(packages: &[(&Package, &[Placed])]) -> Result<Vec<usize>, Overlap> {
    let mut owners: BTreeMap<&[u8], Vec<(usize, &Placed)>> = BTreeMap::new();
    for (at, (_, placed)) in packages.iter().enumerate() {
        for placed in placed.iter().filter(|placed| placed.content.is_some()) {
            let owners = owners.entry(&placed.path).or_default();
            // A path that is twice in one package is that package's affair.
            if owners.last().is_none_or(|(last, _)| *last != at) {
                owners.push((at, placed));
            }
        }
    }
    // Package → those whose files it replaces.
    let mut after: BTreeMap<usize, BTreeSet<usize>> = BTreeMap::new();
    for (path, owners) in owners.iter().filter(|(_, owners)| owners.len() > 1) {
        for (index, (first, a)) in owners.iter().enumerate() {
            for (second, _) in owners.iter().skip(index + 1).filter(|(_, b)| b != a) {
                let (Some((one, _)), Some((other, _))) =
                    (packages.get(*first), packages.get(*second))
                else {
                    continue;
                };
                let (loser, winner) = match winner(one, other) {
                    Some(true) => (*first, *second),
                    Some(false) => (*second, *first),
                    None => {
                        return Err(Overlap::File {
                            path: Quoted::new(path),
                            first: one.to_string(),
                            second: other.to_string(),
                        });
                    }
                };
                after.entry(winner).or_default().insert(loser);
            }
        }
    }
    let mut left: BTreeSet<usize> = (0..packages.len()).collect();
    let mut order = Vec::new();
    while !left.is_empty() {
        let free = |at: &&usize| {
            let before = after.get(*at).into_iter().flatten();
            before.copied().all(|at| !left.contains(&at))
        };
        let Some(next) = left.iter().find(free).copied() else {
            let names = left.iter().filter(|at| after.contains_key(at));
            let names = names.filter_map(|at| packages.get(*at));
            return Err(Overlap::Circle(names.map(|(p, _)| p.to_string()).collect()));
        };
        left.remove(&next);
        order.push(next);
    }
    Ok(order)
}

/// Whether the file of `second`, which comes later, takes the place of `first`'s; `None` when
/// nothing says so.
fn winner(first: &Package, second: &Package) -> Option<bool> {
    let replaces = |package: &Package, other: &Package| {
        let mut relations = package.replaces.iter();
        relations
            .any(|relation| {
                relation.name == other.name && relation.allows(Some(&other.version), other.checksum)
            })
            .then_some(package.replaces_priority)
    };
    match (replaces(first, second), replaces(second, first)) {
        // Parts of one source may move files from one to the other.
        (None, None) => (first.origin == second.origin).then_some(true),
        (first, second) => Some(second >= first),
    }
}
