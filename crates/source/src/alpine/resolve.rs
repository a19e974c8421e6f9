//! From the packages that are wanted to all that they need.
//!
//! A closure that learns, not a search. What is wanted comes first, then, breadth first, each
//! dependency takes the best provider that fits all that is known so far about its name: the newest
//! version, then the higher `provider_priority`, then the repository named first. A name that
//! is only provided without versions waits until nothing else is open: what is chosen for
//! another reason satisfies it then. Packages whose `install_if` holds come along.
//!
//! When a package that comes later asks for what an earlier choice rules out, that relation is kept
//! and all starts anew with it. Each start knows one relation more, so this ends; where it leads
//! nowhere, the first contradiction is the error.

mod obstacle;

use std::collections::{BTreeSet, HashMap, VecDeque};

use super::index::Index;
use super::package::Package;
use super::relation::Relation;
use crate::resolve::{Error, Follow, Needs, Problem};

/// The most relations that are learnt before this is given up.
const MOST_LEARNT: usize = 100;

/// The packages that are wanted and what they need: dependencies first, else by name.
///
/// `wanted` are relations as in `/etc/apk/world`: `busybox`, `openssh>9`, `!dhcpcd`. A dependency
/// on a name of `exclude` counts as satisfied and is not followed.
pub fn resolve<'a>(
    index: &'a Index,
    wanted: &[Relation],
    follow: Follow,
    exclude: &[String],
) -> Result<Vec<&'a Package>, Error> {
    let mut learnt: Vec<Relation> = Vec::new();
    let mut first = None;
    loop {
        let mut closure = Closure::new(index, follow, exclude);
        for relation in &learnt {
            closure.know(relation, Who::Learnt);
        }
        match closure.close(wanted) {
            Ok(()) => return Ok(closure.in_order()),
            Err(Stuck { relation, error }) => {
                let error = first.take().unwrap_or(error);
                match relation.filter(|relation| !learnt.contains(relation)) {
                    Some(relation) if learnt.len() < MOST_LEARNT => learnt.push(relation),
                    _ => return Err(*error),
                }
                first = Some(error);
            }
        }
    }
}

/// Why a closure did not come to its end.
struct Stuck {
    /// What to know from the start the next time, when that may help.
    relation: Option<Relation>,
    error: Box<Error>,
}

impl From<Error> for Stuck {
    fn from(error: Error) -> Self {
        Self {
            relation: None,
            error: Box::new(error),
        }
    }
}

/// Who says that a relation has to hold.
#[derive(Clone, Copy)]
enum Who {
    /// Whoever wants packages.
    Wants,
    /// A package of an earlier start.
    Learnt,
    /// This one.
    Package(usize),
}

/// The set in the making.
struct Closure<'a, 'e> {
    index: &'a Index,
    follow: Follow,
    exclude: &'e [String],
    chosen: BTreeSet<usize>,
    /// Name → who of the chosen has it or provides it.
    there: HashMap<&'a str, Vec<usize>>,
    /// Name → every relation on it that is known, with who says so.
    known: HashMap<String, Vec<(Relation, Who)>>,
    needs: Needs,
    open: VecDeque<(Relation, Option<usize>)>,
    /// Those that only packages without a version satisfy.
    later: VecDeque<(Relation, Option<usize>)>,
    problems: Vec<Problem>,
}

impl<'a, 'e> Closure<'a, 'e> {
    fn new(index: &'a Index, follow: Follow, exclude: &'e [String]) -> Self {
        Self {
            index,
            follow,
            exclude,
            chosen: BTreeSet::new(),
            there: HashMap::new(),
            known: HashMap::new(),
            needs: Needs::default(),
            open: VecDeque::new(),
            later: VecDeque::new(),
            problems: Vec::new(),
        }
    }

    fn close(&mut self, wanted: &[Relation]) -> Result<(), Stuck> {
        for relation in wanted {
            self.know(relation, Who::Wants);
        }
        self.open
            .extend(wanted.iter().map(|relation| (relation.clone(), None)));
        loop {
            if let Some((relation, by)) = self.open.pop_front() {
                self.satisfy(&relation, by, false)?;
            } else if let Some((relation, by)) = self.later.pop_front() {
                self.satisfy(&relation, by, true)?;
            } else if !self.choose_conditional()? {
                break;
            }
        }
        match self.problems.is_empty() {
            true => Ok(()),
            false => Err(Error::Unsatisfied {
                problems: std::mem::take(&mut self.problems),
            }
            .into()),
        }
    }

    /// From now on, choices respect this relation.
    fn know(&mut self, relation: &Relation, by: Who) {
        let known = self.known.entry(relation.name.clone()).or_default();
        known.push((relation.clone(), by));
    }

    /// Chooses what a relation needs, if that is not there. Unless it is the `last` chance, a name
    /// that is only provided without a version waits.
    fn satisfy(&mut self, relation: &Relation, by: Option<usize>, last: bool) -> Result<(), Stuck> {
        if relation.conflict || self.exclude.contains(&relation.name) {
            return Ok(());
        }
        if let Some(at) = self.provider(relation) {
            if let Some(by) = by {
                self.needs.add(by, at);
            }
            return Ok(());
        }
        let source = by
            .filter(|_| self.follow == Follow::SameSource)
            .and_then(|by| self.index.get(by))
            .map(|package| package.origin.as_str());
        let same_source = |at: &usize| {
            let package = self.index.get(*at);
            source.is_none_or(|source| package.is_some_and(|package| package.origin == source))
        };
        let candidates: Vec<usize> = self
            .index
            .candidates(relation)
            .filter(same_source)
            .collect();
        let fitting: Vec<usize> = (candidates.iter().copied())
            .filter(|at| self.obstacle(*at).is_none())
            .collect();
        let best = fitting.first().copied();
        let package = best.and_then(|at| self.index.get(at));
        let (Some(at), Some(package)) = (best, package) else {
            // Of another source, there is none: that is no error.
            return match candidates.first() {
                None if source.is_some() => Ok(()),
                found => self.stuck(relation, by, found.copied()),
            };
        };
        let versioned = package.provides(&relation.name).flatten().is_some();
        if !versioned && !last {
            self.later.push_back((relation.clone(), by));
            return Ok(());
        }
        // apk does not choose between equals on its own.
        if !versioned && package.provider_priority == 0 && fitting.len() > 1 {
            self.report(relation, by);
            return Ok(());
        }
        self.choose(at, by)
    }

    /// Who of the chosen satisfies a relation.
    fn provider(&self, relation: &Relation) -> Option<usize> {
        let there = self.there.get(relation.name.as_str())?;
        let satisfies = |at: &&usize| {
            let package = self.index.get(**at);
            package.is_some_and(|package| package.satisfies(relation))
        };
        there.iter().find(satisfies).copied()
    }

    /// From what was wanted down to `by`.
    fn reason(&self, by: Option<usize>) -> Vec<String> {
        by.map(|at| self.needs.chain(at, |at| self.show(at)))
            .unwrap_or_default()
    }

    fn choose(&mut self, at: usize, by: Option<usize>) -> Result<(), Stuck> {
        let Some(package) = self.index.get(at) else {
            return Ok(());
        };
        if let Some(by) = by {
            self.needs.first(at, by);
            self.needs.add(by, at);
        }
        self.chosen.insert(at);
        for (name, _) in names(package) {
            self.there.entry(name).or_default().push(at);
        }
        if self.follow == Follow::Nothing {
            return Ok(());
        }
        for relation in &package.depends {
            let excluded = self.exclude.contains(&relation.name);
            if excluded || self.follow == Follow::SameSource && relation.conflict {
                continue;
            }
            self.contradicts(at, relation)?;
            if self.follow == Follow::All {
                self.know(relation, Who::Package(at));
            }
            self.open.push_back((relation.clone(), Some(at)));
        }
        Ok(())
    }

    /// Chooses the packages whose `install_if` holds; whether there was any.
    fn choose_conditional(&mut self) -> Result<bool, Stuck> {
        if self.follow != Follow::All {
            return Ok(false);
        }
        let mut any = false;
        for (at, package) in self.index.conditional() {
            if self.chosen.contains(&at) || self.exclude.contains(&package.name) {
                continue;
            }
            let holds =
                |relation: &Relation| self.provider(relation).is_some() != relation.conflict;
            let can = |relation: &Relation| {
                relation.conflict || self.index.candidates(relation).next().is_some()
            };
            if package.install_if.iter().all(holds)
                && package.depends.iter().all(can)
                && self.obstacle(at).is_none()
            {
                let because: Vec<usize> = package
                    .install_if
                    .iter()
                    .filter_map(|relation| self.provider(relation))
                    .collect();
                self.choose(at, None)?;
                for needed in because {
                    self.needs.first(at, needed);
                    self.needs.add(at, needed);
                }
                any = true;
            }
        }
        Ok(any)
    }

    fn show(&self, at: usize) -> Option<String> {
        self.index.get(at).map(Package::to_string)
    }

    /// What a package needs stands before it.
    fn in_order(&self) -> Vec<&'a Package> {
        let name = |at: usize| self.index.get(at).map(|package| package.name.as_str());
        let mut roots: Vec<usize> = self.chosen.iter().copied().collect();
        roots.sort_by_key(|at| name(*at));
        let order = self.needs.in_order(roots, name);
        order
            .into_iter()
            .filter_map(|at| self.index.get(at))
            .collect()
    }
}

/// The names that a package has or provides, and whether only one package can have them.
fn names(package: &Package) -> impl Iterator<Item = (&str, bool)> {
    let provided = package.provides.iter();
    let provided = provided.map(|provided| (provided.name.as_str(), provided.version.is_some()));
    [(package.name.as_str(), true)].into_iter().chain(provided)
}

#[cfg(test)]
mod tests;
