//! Additivity: how values of different cells of a metric combine.

/// Combination of the values of different cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Additivity {
    /// Values may be added.
    Sum,
    /// Numerators and denominators may be added, never the values.
    RatioOfSums,
    /// Nothing may be added: the peak of a whole is not the sum of the peaks of its parts. Read along time.
    Maximum,
    /// May be added over groups; over time it is weighted by the length of the buckets. Read along time.
    TimeAverage,
    /// Like a maximum, of a state at one instant.
    MaximumAsOf,
    /// A state at one instant: it may be added over groups; over time only the last one counts.
    StateAsOf,
    /// Distinct people: a person counts once, so nothing may be added.
    Distinct,
    /// A percentile: nothing may be added.
    Percentile,
}

impl Additivity {
    /// Returns its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sum => "sum",
            Self::RatioOfSums => "ratio_of_sums",
            Self::Maximum | Self::MaximumAsOf => "maximum",
            Self::TimeAverage => "time_average",
            Self::StateAsOf => "state_as_of",
            Self::Distinct => "distinct",
            Self::Percentile => "percentile",
        }
    }

    /// Returns whether it is read along time.
    pub fn is_along_time(self) -> bool {
        matches!(self, Self::Maximum | Self::TimeAverage)
    }

    /// Returns whether parts add up to the whole, source by source and bucket by bucket.
    pub fn adds_up(self) -> bool {
        matches!(self, Self::Sum | Self::RatioOfSums)
    }
}
