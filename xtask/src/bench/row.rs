//! What a row compares, what it is to reach, and what came of it.

use serde::Serialize;

use super::measure::Sample;
use super::origin::Origin;

/// One line of the result.
pub struct Row {
    /// Names it for good.
    pub id: &'static str,
    /// What was done, in one sentence.
    pub meaning: &'static str,
    /// What is compared.
    pub figure: Figure,
    /// What is to be reached.
    pub target: Target,
}

/// What is compared. Names are those of a case's contenders.
#[derive(Clone, Copy, Debug)]
pub enum Figure {
    /// The peer's time over ours: so many times as fast.
    Faster(&'static str, &'static str),
    /// Our size over the peer's.
    Smaller(&'static str, &'static str),
    /// Memory of the largest program.
    Peak(&'static str),
    /// The largest of some over the smallest: 1 is flat.
    Flat(&'static [&'static str]),
    /// Our time for each of so many, over that of a smaller number of them.
    Each((&'static str, f64), (&'static str, f64)),
    /// Our seconds beyond those of something that cannot be faster.
    Beyond(&'static str, &'static str),
}

/// What is to be reached.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Target {
    /// As much or more.
    AtLeast(f64),
    /// As much or less.
    AtMost(f64),
    /// Nothing: shown for comparison.
    Any,
}

/// A number with its unit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Found {
    /// Ours.
    pub ours: f64,
    /// The peer's, where there is one.
    pub peer: Option<f64>,
    /// Of both: `s` or `MB`.
    pub unit: &'static str,
    /// What the target is about.
    pub ratio: f64,
}

impl Figure {
    /// The contenders that it needs.
    pub fn needs(&self) -> Vec<&'static str> {
        match *self {
            Self::Faster(ours, peer) | Self::Smaller(ours, peer) | Self::Beyond(ours, peer) => {
                vec![ours, peer]
            }
            Self::Peak(ours) => vec![ours],
            Self::Flat(ours) => ours.to_vec(),
            Self::Each((many, _), (few, _)) => vec![many, few],
        }
    }

    /// Computes it from the medians of a contender.
    pub fn of(&self, medians: impl Fn(&str) -> Option<Sample>) -> Option<Found> {
        let pair = |ours: f64, peer: f64, unit, ratio| Found {
            ours,
            peer: Some(peer),
            unit,
            ratio,
        };
        Some(match *self {
            Self::Faster(ours, peer) => {
                let (ours, peer) = (medians(ours)?.wall, medians(peer)?.wall);
                pair(ours, peer, "s", peer / ours)
            }
            Self::Smaller(ours, peer) => {
                let (ours, peer) = (medians(ours)?.size / 1e6, medians(peer)?.size / 1e6);
                pair(ours, peer, "MB", ours / peer)
            }
            Self::Peak(ours) => {
                let peak = medians(ours)?.peak / f64::from(1 << 20);
                Found {
                    ours: peak,
                    peer: None,
                    unit: "MiB",
                    ratio: peak,
                }
            }
            Self::Flat(ours) => {
                let peaks = ours.iter().map(|name| Some(medians(name)?.peak));
                let peaks: Vec<f64> = peaks.collect::<Option<_>>()?;
                let most = peaks.iter().copied().fold(f64::MIN, f64::max) / f64::from(1 << 20);
                let least = peaks.iter().copied().fold(f64::MAX, f64::min) / f64::from(1 << 20);
                pair(most, least, "MiB", most / least)
            }
            Self::Each((many, n), (few, m)) => {
                let (many, few) = (medians(many)?.wall / n * 1e6, medians(few)?.wall / m * 1e6);
                pair(many, few, "µs", many / few)
            }
            Self::Beyond(ours, peer) => {
                let (ours, peer) = (medians(ours)?.wall, medians(peer)?.wall);
                pair(ours, peer, "s", ours - peer)
            }
        })
    }

    /// What the ratio is in.
    pub fn sign(&self) -> &'static str {
        match self {
            Self::Faster(..) | Self::Smaller(..) | Self::Flat(..) | Self::Each(..) => "x",
            Self::Peak(..) => " MiB",
            Self::Beyond(..) => " s",
        }
    }
}

impl Target {
    /// Whether a figure reaches it; none when there is nothing to reach.
    pub fn met(&self, figure: f64) -> Option<bool> {
        match *self {
            Self::AtLeast(least) => Some(figure >= least),
            Self::AtMost(most) => Some(figure <= most),
            Self::Any => None,
        }
    }

    /// As in a table.
    pub fn shown(&self, sign: &str) -> String {
        match *self {
            Self::AtLeast(least) => format!("≥ {least}{sign}"),
            Self::AtMost(most) => format!("≤ {most}{sign}"),
            Self::Any => "–".to_owned(),
        }
    }
}

/// What came of a row, as `bench.json` has it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Outcome {
    /// Which row.
    pub id: &'static str,
    /// Ours, in `unit`.
    pub ours: Option<f64>,
    /// The peer's, in `unit`.
    pub peer: Option<f64>,
    /// Of both.
    pub unit: &'static str,
    /// What the target is about.
    pub ratio: Option<f64>,
    /// What is to be reached.
    pub target: String,
    /// Whether it is; what was not measured is not met.
    pub met: Option<bool>,
    /// Why it was not measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_measured: Option<String>,
    /// Which run that was, once it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<Origin>,
}

impl Row {
    /// A row with a figure.
    pub fn measured(&self, found: Found) -> Outcome {
        Outcome {
            id: self.id,
            ours: Some(found.ours),
            peer: found.peer,
            unit: found.unit,
            ratio: Some(found.ratio),
            target: self.target.shown(self.figure.sign()),
            met: self.target.met(found.ratio),
            not_measured: None,
            run: None,
        }
    }

    /// A row without one.
    pub fn not_measured(&self, why: &str) -> Outcome {
        Outcome {
            id: self.id,
            ours: None,
            peer: None,
            unit: "",
            ratio: None,
            target: self.target.shown(self.figure.sign()),
            met: (self.target != Target::Any).then_some(false),
            not_measured: Some(why.to_owned()),
            run: None,
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in super::super) const ROW: Row = Row {
        id: "hash-tree",
        meaning: "A hash tree of a file.",
        figure: Figure::Faster("ours", "peer"),
        target: Target::AtLeast(4.0),
    };

    fn sample(name: &str) -> Option<Sample> {
        let (wall, peak, size) = match name {
            "ours" => (2.0, 3.0, 3e6),
            "peer" => (10.0, 6.0, 2e6),
            _ => return None,
        };
        Some(Sample {
            wall,
            cpu: 0.0,
            peak: peak * f64::from(1 << 20),
            size,
        })
    }

    #[test]
    fn figures_are_computed_from_medians() {
        for (figure, ours, peer, ratio) in [
            (Figure::Faster("ours", "peer"), 2.0, Some(10.0), 5.0),
            (Figure::Smaller("ours", "peer"), 3.0, Some(2.0), 1.5),
            (Figure::Peak("ours"), 3.0, None, 3.0),
            (Figure::Flat(&["ours", "peer"]), 6.0, Some(3.0), 2.0),
            (
                Figure::Each(("peer", 10.0), ("ours", 1.0)),
                1e6,
                Some(2e6),
                0.5,
            ),
            (Figure::Beyond("peer", "ours"), 10.0, Some(2.0), 8.0),
        ] {
            let found = figure.of(sample).unwrap();
            assert_eq!((found.ours, found.peer), (ours, peer), "{figure:?}");
            assert_eq!(found.ratio, ratio, "{figure:?}");
        }
        assert_eq!(Figure::Faster("ours", "none").of(sample), None);
        assert_eq!(Figure::Flat(&["ours", "none"]).of(sample), None);
    }

    #[test]
    fn what_is_not_measured_is_not_met() {
        assert_eq!(Target::AtLeast(4.0).met(4.0), Some(true));
        assert_eq!(Target::AtLeast(4.0).met(3.9), Some(false));
        assert_eq!(Target::AtMost(1.0).met(1.01), Some(false));
        assert_eq!(Target::Any.met(0.1), None);
        let none = ROW.not_measured("no peer");
        assert_eq!((none.met, none.ratio), (Some(false), None));
        let good = ROW.measured(ROW.figure.of(sample).unwrap());
        assert_eq!((good.met, good.ratio), (Some(true), Some(5.0)));
        assert_eq!(good.target, "≥ 4x");
    }
}
