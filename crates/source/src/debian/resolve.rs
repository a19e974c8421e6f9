//! From the packages that are wanted to all that they need.
//!
//! This is a dependency closure, not a solver: it never goes back on a choice. Wanted packages
//! come first; then, breadth first, each `Pre-Depends` and `Depends` that what is chosen does not
//! satisfy yet takes the first alternative that the archive has, in its newest version that fits.
//! For composing an image from a distribution's own, consistent suites that is enough; what it
//! cannot satisfy it names, with the chain that asked for it.

use super::index::Index;
use super::package::Package;
use super::relation::{self, Relation, is_name};
use super::version::Version;
use crate::resolve::{Error, Follow, Needs, Problem};
use std::collections::{BTreeMap, VecDeque};

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
    needs: Needs,
    queue: VecDeque<usize>,
    problems: Vec<Problem>,
}

impl<'a> Closure<'a> {
    fn new(index: &'a Index) -> Self {
        Self {
            index,
            chosen: BTreeMap::new(),
            needs: Needs::default(),
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
            source: source.into(),
        })?;
        for any in groups {
            if any.iter().any(|relation| exclude.contains(&relation.name)) {
                continue;
            }
            let source = (follow == Follow::SameSource).then_some(package.source.as_str());
            match self.pick(&any, source) {
                Some(needed) => {
                    self.choose(needed, Some(at));
                    self.needs.add(at, needed);
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
                self.needs.first(at, because);
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
            chain: at
                .map(|at| self.needs.chain(at, |at| self.show(at)))
                .unwrap_or_default(),
            instead,
            among: "suites and components",
        };
        self.problems.push(problem);
    }

    fn show(&self, at: usize) -> Option<String> {
        self.index.get(at).map(Package::to_string)
    }

    fn check_conflicts(&self) -> Result<(), Error> {
        for &at in self.chosen.values() {
            let Some(package) = self.index.get(at) else {
                continue;
            };
            let relations = package.conflicts();
            let relations = relations.map_err(|source| Error::Relation {
                package: package.to_string(),
                source: source.into(),
            })?;
            for relation in relations.iter().flatten() {
                let mut met = self.index.candidates(relation).into_iter().filter(|other| {
                    let found = self.index.get(*other);
                    *other != at
                        && found.is_some_and(|f| self.chosen.get(f.name.as_str()) == Some(other))
                });
                if let Some(other) = met.next() {
                    return Err(Error::Conflict {
                        package: package.to_string(),
                        package_chain: self.needs.reasons(at, |at| self.show(at)),
                        relation: relation.to_string(),
                        other: self.show(other).unwrap_or_default(),
                        other_chain: self.needs.reasons(other, |at| self.show(at)),
                    });
                }
            }
        }
        Ok(())
    }

    /// What a package needs stands before it.
    fn in_order(&self) -> Vec<&'a Package> {
        let name = |at: usize| self.index.get(at).map(|package| package.name.as_str());
        let order = self.needs.in_order(self.chosen.values().copied(), name);
        order
            .into_iter()
            .filter_map(|at| self.index.get(at))
            .collect()
    }
}

#[cfg(test)]
mod tests;
