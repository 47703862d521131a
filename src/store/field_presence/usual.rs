//! Decides when a field is usual, and when it is missing. Pure functions.

use chrono::{DateTime, Utc};

/// Fewer earlier records do not show what is usual.
const FEWEST_EARLIER: i64 = 5;
/// At least this many records must lack a field before it is missing,
const FEWEST_RECENT: i64 = 20;
/// and at most one in this many may have it.
const MOST_PRESENT: i64 = 20;

/// Records that were expected to have a field.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) present: i64,
    pub(super) absent: i64,
}

impl Counts {
    pub(super) fn all(self) -> i64 {
        self.present + self.absent
    }

    fn with(self, other: Self) -> Self {
        Self { present: self.present + other.present, absent: self.absent + other.absent }
    }
}

/// State of one field.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Field {
    /// Records up to the last ones that were as usual.
    pub(super) earlier: Counts,
    /// Records since then.
    pub(super) recent: Counts,
    /// Start of the run that read the first of these.
    pub(super) recent_from: Option<DateTime<Utc>>,
    /// Start of its absence.
    pub(super) missing_since: Option<DateTime<Utc>>,
}

impl Field {
    /// Whether records usually have it.
    pub(super) fn is_usual(self) -> bool {
        self.earlier.all() >= FEWEST_EARLIER && self.earlier.present * 2 >= self.earlier.all()
    }

    /// Returns the state after a run that began at `began_at` with these counts.
    pub(super) fn after(self, counted: Counts, began_at: DateTime<Utc>) -> Self {
        if counted.all() == 0 {
            return self;
        }
        let recent = self.recent.with(counted);
        let recent_from = self.recent_from.or(Some(began_at));
        let is_back = self.missing_since.is_some() && counted.present * 2 >= counted.all();
        let is_as_usual = self.missing_since.is_none()
            && (!self.is_usual() || recent.present.saturating_mul(MOST_PRESENT) > recent.all());
        if is_back {
            // the records without it do not change what is usual
            return Self { earlier: self.earlier.with(counted), ..Self::default() };
        }
        if is_as_usual {
            return Self { earlier: self.earlier.with(recent), ..Self::default() };
        }
        let is_missing = recent.all() >= FEWEST_RECENT;
        let missing_since = self.missing_since.or(recent_from.filter(|_| is_missing));
        Self { recent, recent_from, missing_since, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minute: u32) -> DateTime<Utc> {
        format!("2026-03-10T12:{minute:02}:00Z").parse().expect("an instant")
    }

    fn counts(present: i64, absent: i64) -> Counts {
        Counts { present, absent }
    }

    fn usual() -> Field {
        Field::default().after(counts(80, 2), at(0))
    }

    #[test]
    fn a_field_that_all_had_is_missed_once_twenty_lack_it() {
        assert!(usual().is_usual() && usual().missing_since.is_none());
        assert_eq!(usual().after(counts(0, 80), at(1)).missing_since, Some(at(1)));
        assert_eq!(usual().after(counts(0, 19), at(1)).missing_since, None);
        assert_eq!(usual().after(counts(4, 76), at(1)).missing_since, Some(at(1)), "one in twenty may have it");
        assert_eq!(usual().after(counts(5, 75), at(1)).missing_since, None);
    }

    #[test]
    fn evidence_of_small_runs_adds_up() {
        let ten = usual().after(counts(0, 10), at(1));
        assert_eq!(ten.missing_since, None);
        assert_eq!(ten.after(counts(0, 10), at(2)).missing_since, Some(at(1)));
        let one_had_it = ten.after(counts(1, 0), at(2));
        assert_eq!((one_had_it.recent, one_had_it.earlier), (counts(0, 0), counts(81, 12)));
    }

    #[test]
    fn a_field_is_back_with_half_of_a_run() {
        let missing = usual().after(counts(0, 80), at(1));
        assert_eq!(missing.after(counts(1, 2), at(2)).missing_since, Some(at(1)));
        assert_eq!(missing.after(counts(0, 0), at(2)), missing, "no record says nothing");
        let back = missing.after(counts(1, 1), at(3));
        assert_eq!((back.missing_since, back.earlier), (None, counts(81, 3)));
    }

    #[test]
    fn what_few_had_is_not_missed() {
        let rare = Field::default().after(counts(30, 50), at(0));
        assert_eq!(rare.after(counts(0, 500), at(1)).missing_since, None);
        let young = Field::default().after(counts(4, 0), at(0));
        assert_eq!(young.after(counts(0, 500), at(1)).missing_since, None);
    }
}
