//! Why a package cannot be chosen, and how that is said.

use super::{Closure, Stuck, Who, names};
use crate::alpine::package::Package;
use crate::alpine::relation::Relation;
use crate::resolve::{Error, Follow, Problem};

/// Why a package cannot be chosen.
pub(super) enum Obstacle<'c> {
    /// A relation that is known, and who says so.
    Known(&'c Relation, Who),
    /// A package that is chosen has a name that only one can have.
    Rival(usize, &'c str),
    /// The package itself refuses one that is chosen.
    Own(&'c Relation, usize),
}

impl Closure<'_, '_> {
    /// Why a package cannot stand beside what is chosen, as far as is known.
    pub(super) fn obstacle(&self, at: usize) -> Option<Obstacle<'_>> {
        let package = self.index.get(at)?;
        for (name, _) in names(package) {
            let known = self.known.get(name).into_iter().flatten();
            let broken = known
                .filter(|(relation, by)| match by {
                    Who::Package(by) => *by != at,
                    // It may be this package's own.
                    Who::Learnt => !package.depends.contains(relation),
                    Who::Wants => true,
                })
                .find(|(relation, _)| package.satisfies(relation) == relation.conflict);
            if let Some((relation, by)) = broken {
                return Some(Obstacle::Known(relation, *by));
            }
        }
        if let Some((other, name)) = self.rival(at, package) {
            return Some(Obstacle::Rival(other, name));
        }
        let mut conflicts = package.depends.iter().filter(|relation| relation.conflict);
        conflicts.find_map(|relation| Some(Obstacle::Own(relation, self.provider(relation)?)))
    }

    /// Nothing that fits satisfies a relation; `candidate` is the best of what does not fit.
    pub(super) fn stuck(
        &mut self,
        relation: &Relation,
        by: Option<usize>,
        candidate: Option<usize>,
    ) -> Result<(), Stuck> {
        let obstacle = candidate.and_then(|at| Some((at, self.obstacle(at)?)));
        let (candidate_chain, show) = (self.reason(by), |at| self.show(at));
        let stuck = match obstacle {
            Some((at, Obstacle::Own(own, other))) => Stuck {
                relation: Some(own.clone()),
                error: Box::new(Error::Conflict {
                    package: self.show(at).unwrap_or_default(),
                    package_chain: candidate_chain,
                    relation: bare(own),
                    other: self.show(other).unwrap_or_default(),
                    other_chain: self.needs.reasons(other, show),
                }),
            },
            Some((at, Obstacle::Known(known, Who::Package(other)))) if known.conflict => Stuck {
                relation: None,
                error: Box::new(Error::Conflict {
                    package: self.show(other).unwrap_or_default(),
                    package_chain: self.needs.reasons(other, show),
                    relation: bare(known),
                    other: self.show(at).unwrap_or_default(),
                    other_chain: candidate_chain,
                }),
            },
            // With all that is missing, not the first alone.
            _ => {
                self.report(relation, by);
                return Ok(());
            }
        };
        Err(stuck)
    }

    /// Who of the chosen has a name that only one can have, and which: versions of one package,
    /// and of one name that is provided with a version.
    fn rival<'p>(&self, at: usize, package: &'p Package) -> Option<(usize, &'p str)> {
        names(package).find_map(|(name, owned)| {
            let there = self.there.get(name).into_iter().flatten();
            let mut rivals = there.filter(|other| {
                let other_owns = || {
                    let package = self.index.get(**other);
                    package.and_then(|p| p.provides(name)).flatten().is_some()
                };
                **other != at && (owned || other_owns())
            });
            rivals.next().map(|other| (*other, name))
        })
    }

    /// Whether a relation of `at` rules out what was chosen before.
    pub(super) fn contradicts(&self, at: usize, relation: &Relation) -> Result<(), Stuck> {
        if self.follow != Follow::All {
            return Ok(());
        }
        let there = self.there.get(relation.name.as_str());
        let mut others = there.into_iter().flatten().filter(|other| **other != at);
        let other = match relation.conflict {
            true => others.find(|other| {
                let package = self.index.get(**other);
                package.is_some_and(|package| package.satisfies(relation))
            }),
            // Another version of what is needed has its name.
            false if self.provider(relation).is_none() => others.find(|other| {
                let package = self.index.get(**other);
                let provided = package.and_then(|package| package.provides(&relation.name));
                provided.flatten().is_some()
            }),
            false => None,
        };
        let Some(other) = other else { return Ok(()) };
        let error = match relation.conflict {
            true => Error::Conflict {
                package: self.show(at).unwrap_or_default(),
                package_chain: self.needs.reasons(at, |at| self.show(at)),
                relation: bare(relation),
                other: self.show(*other).unwrap_or_default(),
                other_chain: self.needs.reasons(*other, |at| self.show(at)),
            },
            false => Error::Unsatisfied {
                problems: vec![self.problem(relation, Some(at))],
            },
        };
        Err(Stuck {
            relation: Some(relation.clone()),
            error: Box::new(error),
        })
    }

    pub(super) fn report(&mut self, relation: &Relation, by: Option<usize>) {
        let problem = self.problem(relation, by);
        self.problems.push(problem);
    }

    fn problem(&self, relation: &Relation, by: Option<usize>) -> Problem {
        let instead = self.index.providers(&relation.name).map(|(at, package)| {
            let provided = match package.provides(&relation.name) {
                _ if package.name == relation.name => String::new(),
                Some(Some(version)) => format!(" (which provides {}={version})", relation.name),
                _ => format!(" (which provides {})", relation.name),
            };
            let why = match self.obstacle(at) {
                _ if self.chosen.contains(&at) => ", which is already chosen".to_owned(),
                _ if !package.satisfies(relation) => String::new(),
                None => ", which has to be wanted by its own name".to_owned(),
                Some(Obstacle::Known(known, by)) => {
                    let by = match by {
                        Who::Package(by) => format!("{} needs", self.show(by).unwrap_or_default()),
                        Who::Wants | Who::Learnt => "it is wanted".to_owned(),
                    };
                    format!(", and {by} {known}")
                }
                Some(Obstacle::Rival(other, name)) => {
                    let other = self.show(other).unwrap_or_default();
                    format!(", and {other}, which has {name} too, is already chosen")
                }
                Some(Obstacle::Own(own, _)) => format!(", which says {own}"),
            };
            format!("{package}{provided}{why}")
        });
        Problem {
            relation: relation.to_string(),
            chain: self.reason(by),
            instead: instead.collect(),
            among: "repositories",
        }
    }
}

/// A conflict's relation without its `!`.
fn bare(relation: &Relation) -> String {
    let conflict = false;
    Relation {
        conflict,
        ..relation.clone()
    }
    .to_string()
}
