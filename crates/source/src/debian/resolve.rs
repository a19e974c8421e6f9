//! From the packages that are wanted to all that they need.
//!
//! This is a dependency closure, not a solver: it never goes back on a choice. Wanted packages
//! come first; then, breadth first, each `Pre-Depends` and `Depends` that what is chosen does not
//! satisfy yet takes the first alternative that the archive has, in its newest version that fits.
//! For composing an image from a distribution's own, consistent suites that is enough; what it
//! cannot satisfy it names, with the chain that asked for it.

use super::index::Index;
use super::package::Package;
use super::relation::{self, NotARelation, Relation, is_name};
use super::version::Version;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// A package to start from: `kmod`, or `kmod=34.2-2` for that version and no other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Its name; a virtual one is allowed.
    pub name: String,
    /// The version, when only one will do.
    pub version: Option<Version>,
}

/// The text is neither `name` nor `name=version`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{found:?} is not a package; write NAME or NAME=VERSION")]
pub struct NotWanted {
    /// The text.
    pub found: String,
}

/// Which dependencies to follow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Follow {
    /// `Pre-Depends` and `Depends`, all the way: for programs that are to run.
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
        source: NotARelation,
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
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.chain.as_slice() {
            [] => write!(f, "the package {} is wanted", self.relation)?,
            [..] => write!(f, "{} needs {}", chain(&self.chain), self.relation)?,
        }
        match self.instead.as_slice() {
            [] => f.write_str(", and no package of these suites and components is or provides it"),
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

impl std::str::FromStr for Wanted {
    type Err = NotWanted;

    fn from_str(text: &str) -> Result<Self, NotWanted> {
        let wrong = || NotWanted {
            found: text.to_owned(),
        };
        let (name, version) = match text.split_once('=') {
            None => (text, None),
            Some((name, version)) => (name, Some(version.parse().map_err(|_| wrong())?)),
        };
        if !is_name(name) {
            return Err(wrong());
        }
        Ok(Self {
            name: name.to_owned(),
            version,
        })
    }
}

impl Wanted {
    fn relation(&self) -> Relation {
        let constraint = self.version.clone().map(|v| (relation::Operator::Equal, v));
        Relation {
            constraint,
            ..Relation::to_name(&self.name)
        }
    }
}

/// The packages that are wanted and what they need: dependencies first, else by name.
///
/// A dependency that names a package of `exclude` counts as satisfied and is not followed. Between
/// packages that are followed with [`Follow::All`], `Conflicts` and `Breaks` are errors.
pub fn resolve<'a>(
    index: &'a Index,
    wanted: &[Wanted],
    follow: Follow,
    exclude: &[String],
) -> Result<Vec<&'a Package>, Error> {
    let mut closure = Closure::new(index);
    for wanted in wanted {
        closure.want(wanted);
    }
    while let Some(at) = closure.queue.pop_front() {
        if follow != Follow::Nothing {
            closure.follow(at, follow, exclude)?;
        }
    }
    if !closure.problems.is_empty() {
        return Err(Error::Unsatisfied {
            problems: closure.problems,
        });
    }
    if follow == Follow::All {
        closure.check_conflicts()?;
    }
    Ok(closure.in_order())
}

/// The set in the making.
struct Closure<'a> {
    index: &'a Index,
    /// Name → which version of it.
    chosen: BTreeMap<&'a str, usize>,
    /// Who asked first.
    because: BTreeMap<usize, usize>,
    /// What each package needs, directly.
    needs: BTreeMap<usize, BTreeSet<usize>>,
    queue: VecDeque<usize>,
    problems: Vec<Problem>,
}

impl<'a> Closure<'a> {
    fn new(index: &'a Index) -> Self {
        Self {
            index,
            chosen: BTreeMap::new(),
            because: BTreeMap::new(),
            needs: BTreeMap::new(),
            queue: VecDeque::new(),
            problems: Vec::new(),
        }
    }

    fn want(&mut self, wanted: &Wanted) {
        let any = [wanted.relation()];
        match self.pick(&any, None) {
            Some(at) => self.choose(at, None),
            None => self.report(&any, None),
        }
    }

    /// Satisfies what the package `at` needs.
    fn follow(&mut self, at: usize, follow: Follow, exclude: &[String]) -> Result<(), Error> {
        let Some(package) = self.index.get(at) else {
            return Ok(());
        };
        let groups = package.depends();
        let groups = groups.map_err(|source| Error::Relation {
            package: package.to_string(),
            source,
        })?;
        for any in groups {
            if any.iter().any(|relation| exclude.contains(&relation.name)) {
                continue;
            }
            let source = (follow == Follow::SameSource).then_some(package.source.as_str());
            match self.pick(&any, source) {
                Some(needed) => {
                    self.choose(needed, Some(at));
                    self.needs.entry(at).or_default().insert(needed);
                }
                None if source.is_some() => {}
                None => self.report(&any, Some(at)),
            }
        }
        Ok(())
    }

    /// What satisfies one of the alternatives: something chosen, else the first that there is.
    fn pick(&self, any: &[Relation], source: Option<&str>) -> Option<usize> {
        let candidates: Vec<usize> = any
            .iter()
            .flat_map(|relation| self.index.candidates(relation))
            .filter(|at| {
                let package = self.index.get(*at);
                source.is_none_or(|source| package.is_some_and(|found| found.source == source))
            })
            .collect();
        let chosen = |at: &&usize| {
            let package = self.index.get(**at);
            package.is_some_and(|found| self.chosen.get(found.name.as_str()) == Some(*at))
        };
        let free = |at: &&usize| {
            let package = self.index.get(**at);
            package.is_some_and(|found| !self.chosen.contains_key(found.name.as_str()))
        };
        candidates
            .iter()
            .find(chosen)
            .or_else(|| candidates.iter().find(free))
            .copied()
    }

    fn choose(&mut self, at: usize, because: Option<usize>) {
        let Some(package) = self.index.get(at) else {
            return;
        };
        if self.chosen.insert(&package.name, at).is_none() {
            self.queue.push_back(at);
            if let Some(because) = because {
                self.because.insert(at, because);
            }
        }
    }

    fn report(&mut self, any: &[Relation], at: Option<usize>) {
        let mut instead = Vec::new();
        for relation in any {
            let chosen = self
                .chosen
                .get(relation.name.as_str())
                .and_then(|at| self.index.get(*at));
            match chosen {
                Some(found) => instead.push(format!("{found}, which is already chosen")),
                None => instead.extend(self.index.versions(&relation.name).map(Package::to_string)),
            }
        }
        let problem = Problem {
            relation: relation::show(any),
            chain: at.map(|at| self.chain(at)).unwrap_or_default(),
            instead,
        };
        self.problems.push(problem);
    }

    /// From what was wanted down to the package `at`, which is the last.
    fn chain(&self, at: usize) -> Vec<String> {
        let links = std::iter::successors(Some(at), |at| self.because.get(at).copied());
        let mut chain: Vec<String> = links
            .filter_map(|at| self.index.get(at))
            .map(Package::to_string)
            .collect();
        chain.reverse();
        chain
    }

    fn check_conflicts(&self) -> Result<(), Error> {
        for &at in self.chosen.values() {
            let Some(package) = self.index.get(at) else {
                continue;
            };
            let relations = package.conflicts();
            let relations = relations.map_err(|source| Error::Relation {
                package: package.to_string(),
                source,
            })?;
            for relation in relations.iter().flatten() {
                let mut met = self.index.candidates(relation).into_iter().filter(|other| {
                    let found = self.index.get(*other);
                    *other != at
                        && found.is_some_and(|f| self.chosen.get(f.name.as_str()) == Some(other))
                });
                if let Some(other) = met.next() {
                    let mut chains = [self.chain(at), self.chain(other)];
                    chains.iter_mut().for_each(|chain| drop(chain.pop()));
                    let [package_chain, other_chain] = chains;
                    return Err(Error::Conflict {
                        package: package.to_string(),
                        package_chain,
                        relation: relation.to_string(),
                        other: self
                            .index
                            .get(other)
                            .map(Package::to_string)
                            .unwrap_or_default(),
                        other_chain,
                    });
                }
            }
        }
        Ok(())
    }

    /// Depth first, by name: what a package needs stands before it, but for circles.
    fn in_order(&self) -> Vec<&'a Package> {
        let by_name = |set: &BTreeSet<usize>| {
            let mut list: Vec<usize> = set.iter().copied().collect();
            let name = |at: &usize| self.index.get(*at).map(|package| &package.name);
            // The stack's top is its end.
            list.sort_by(|a, b| name(b).cmp(&name(a)));
            list
        };
        let (mut seen, mut order) = (BTreeSet::new(), Vec::new());
        for &root in self.chosen.values() {
            let mut stack = vec![(root, false)];
            while let Some((at, done)) = stack.pop() {
                if done {
                    order.extend(self.index.get(at));
                } else if seen.insert(at) {
                    stack.push((at, true));
                    let needs = self.needs.get(&at).map(by_name).unwrap_or_default();
                    stack.extend(needs.into_iter().map(|needed| (needed, false)));
                }
            }
        }
        order
    }
}

#[cfg(test)]
mod tests;
