//! What resolving has in common, whatever the archive: which dependencies are followed, who asked
//! for what, in which order packages stand, and why no set of packages fits.

use std::collections::{BTreeMap, BTreeSet};

/// Which dependencies to follow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Follow {
    /// All, all the way: for programs that are to run.
    #[default]
    All,
    /// Only to packages built from the same source: from `linux-image-amd64` to the kernel that it
    /// stands for, but not to the programs that the kernel's scripts need.
    SameSource,
    /// None: only the files of the package itself are wanted.
    Nothing,
}

/// Why no set of packages was found.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Packages that are not there.
    #[error("{}", problems.iter().map(Problem::to_string).collect::<Vec<_>>().join("\n"))]
    Unsatisfied {
        /// Each with who asked for it.
        problems: Vec<Problem>,
    },
    /// Two of the packages refuse to be together.
    #[error(
        "{package} ({}) says that it conflicts with {relation}, and {other} ({}) is needed too; \
         leave one of them out",
        chain(package_chain),
        chain(other_chain)
    )]
    Conflict {
        /// The package that says so.
        package: String,
        /// Why it is needed.
        package_chain: Vec<String>,
        /// The relation.
        relation: String,
        /// The other package.
        other: String,
        /// Why that is needed.
        other_chain: Vec<String>,
    },
    /// A package's relations cannot be read.
    #[error("the relations of {package} cannot be read")]
    Relation {
        /// The package.
        package: String,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// One thing that is needed and not there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The relation: `libc6 (>= 99) | libc7`.
    pub relation: String,
    /// Who asked for it, starting from what was wanted; empty when it was wanted itself.
    pub chain: Vec<String>,
    /// What there is instead: versions that do not fit, or the one already chosen.
    pub instead: Vec<String>,
    /// Where it was looked for: `suites and components`.
    pub among: &'static str,
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.chain.as_slice() {
            [] => write!(f, "the package {} is wanted", self.relation)?,
            [..] => write!(f, "{} needs {}", chain(&self.chain), self.relation)?,
        }
        match self.instead.as_slice() {
            [] => write!(
                f,
                ", and no package of these {} is or provides it",
                self.among
            ),
            [..] => write!(f, ", but there is only {}", self.instead.join(", ")),
        }
    }
}

fn chain(names: &[String]) -> String {
    if names.is_empty() {
        "wanted".to_owned()
    } else {
        names.join(", which needs ")
    }
}

/// Who needs whom. Packages are numbers: places in an index.
#[derive(Debug, Default)]
pub(crate) struct Needs {
    /// Who asked first.
    because: BTreeMap<usize, usize>,
    /// What each package needs, directly.
    direct: BTreeMap<usize, BTreeSet<usize>>,
}

impl Needs {
    /// `needed` comes along because of `by`.
    pub(crate) fn first(&mut self, needed: usize, by: usize) {
        self.because.entry(needed).or_insert(by);
    }

    /// `by` needs `needed`, whoever asked for that first.
    pub(crate) fn add(&mut self, by: usize, needed: usize) {
        self.direct.entry(by).or_default().insert(needed);
    }

    /// From what was wanted down to the package `at`, which is the last.
    pub(crate) fn chain(&self, at: usize, show: impl Fn(usize) -> Option<String>) -> Vec<String> {
        let links = std::iter::successors(Some(at), |at| self.because.get(at).copied());
        let mut chain: Vec<String> = links.filter_map(show).collect();
        chain.reverse();
        chain
    }

    /// Why the package `at` is needed: the chain without itself.
    pub(crate) fn reasons(&self, at: usize, show: impl Fn(usize) -> Option<String>) -> Vec<String> {
        let mut chain = self.chain(at, show);
        chain.pop();
        chain
    }

    /// Depth first, by name: what a package needs stands before it, but for circles.
    pub(crate) fn in_order<N: Ord>(
        &self,
        roots: impl IntoIterator<Item = usize>,
        name: impl Fn(usize) -> N,
    ) -> Vec<usize> {
        let by_name = |set: &BTreeSet<usize>| {
            let mut list: Vec<usize> = set.iter().copied().collect();
            // The stack's top is its end.
            list.sort_by_key(|at| std::cmp::Reverse(name(*at)));
            list
        };
        let (mut seen, mut order) = (BTreeSet::new(), Vec::new());
        for root in roots {
            let mut stack = vec![(root, false)];
            while let Some((at, done)) = stack.pop() {
                if done {
                    order.push(at);
                } else if seen.insert(at) {
                    stack.push((at, true));
                    let needs = self.direct.get(&at).map(by_name).unwrap_or_default();
                    stack.extend(needs.into_iter().map(|needed| (needed, false)));
                }
            }
        }
        order
    }
}
