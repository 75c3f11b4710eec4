//! One measured figure and the bar it is held to.

use serde::Serialize;

/// Which side of the bar is good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The figure should be at most the bar.
    AtMost,
    /// The figure should be at least the bar.
    AtLeast,
}

/// One figure.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Measure {
    /// Name, as `docs/benchmarks.md` lists it.
    pub name: String,
    /// The figure.
    pub value: f64,
    /// Its unit.
    pub unit: &'static str,
    /// What it is held to.
    pub bar: f64,
    /// Which side of it is good.
    #[serde(skip)]
    pub side: Side,
}

impl Measure {
    /// A figure that should be at most `bar`.
    pub fn at_most(name: impl Into<String>, value: f64, unit: &'static str, bar: f64) -> Self {
        Self {
            name: name.into(),
            value,
            unit,
            bar,
            side: Side::AtMost,
        }
    }

    /// A figure that should be at least `bar`.
    pub fn at_least(name: impl Into<String>, value: f64, unit: &'static str, bar: f64) -> Self {
        Self {
            name: name.into(),
            value,
            unit,
            bar,
            side: Side::AtLeast,
        }
    }

    /// True where it holds.
    pub fn holds(&self) -> bool {
        match self.side {
            Side::AtMost => self.value <= self.bar,
            Side::AtLeast => self.value >= self.bar,
        }
    }
}
