//! The time ranges of a run: the present first, then all unproven gaps of the past.

use chrono::{DateTime, TimeDelta, Utc};

use crate::connector::StreamPolicy;
use crate::ingest::poller::{Poller, Source};
use crate::model::ring::Ring;
use crate::model::stream::Stream;
use crate::model::time::{Window, to_micros};
use crate::store::{StoreError, accepted_gap, state_coverage, window};

/// Shortest range.
const SHORTEST: TimeDelta = TimeDelta::minutes(1);
/// Past gaps that one run reads, newest first; the next run continues.
const MAX_GAPS: usize = 8;

/// The ranges of a run.
#[derive(Debug)]
pub(super) struct Targets {
    /// The range up to the present. It comes first: a gap in the past must not keep today's data from dashboards.
    pub(super) present: Window,
    /// Ranges before it that are not proven, newest first.
    gaps: Vec<Window>,
}

impl Targets {
    pub(super) fn in_order(&self) -> Vec<Window> {
        std::iter::once(self.present).chain(self.gaps.iter().copied()).collect()
    }
}

/// Returns the ranges of a run. The present begins a little before the end of what is proven, or with the history.
/// Where the list filters by creation, it also contains the range that every poll reads again, unless that would need
/// splitting: then the newest sessions would come last, and the range is read after them.
pub(super) async fn targets(
    poller: &Poller,
    source: &Source,
    stream: Stream,
    policy: &StreamPolicy,
    is_by_creation: bool,
) -> Result<Targets, StoreError> {
    let to = to_micros(poller.clock.now());
    let proven = window::proven(&poller.pool, source.id, stream).await?;
    let from = proven.last().map_or(source.history_from, |newest| newest.to - policy.overlap);
    // a clock that was set back must not invert the range, and nothing before the history is requested
    let from = from.min(to - policy.overlap).max(source.history_from).min(to - SHORTEST);
    let recent = Ring::Poll.reach().map_or(from, |reach| (to - reach).max(source.history_from).min(from));
    let again = Window { from: recent, to };
    let is_listed_again = is_by_creation
        && state_coverage::holds_at_most(&poller.pool, source.id, &again, policy.split_above_records).await?;
    let from = if is_listed_again { recent } else { from };
    // an operator accepts these gaps: reading them again would find nothing
    let mut settled = accepted_gap::accepted(&poller.pool, source.id, stream).await?;
    settled.extend(&proven);
    settled.sort_by_key(|window| window.from);
    let mut gaps = gaps(&settled, source.history_from, from);
    // gaps never walked come first, then those doubted longest ago: permanent gaps must not block others
    let doubtful = window::doubtful(&poller.pool, source.id, stream).await?;
    gaps.sort_by_key(|gap| last_doubted(gap, &doubtful));
    gaps.truncate(MAX_GAPS);
    Ok(Targets { present: Window { from, to }, gaps })
}

/// Returns when a gap was last walked without proof; `None`: never as a whole.
fn last_doubted(gap: &Window, doubtful: &[(Window, DateTime<Utc>)]) -> Option<DateTime<Utc>> {
    let within = doubtful.iter().filter(|(window, _)| window.from >= gap.from && window.to <= gap.to);
    let covered: TimeDelta = within.clone().map(|(window, _)| window.span()).sum();
    within.map(|(_, at)| *at).min().filter(|_| covered >= gap.span())
}

/// Returns the parts of `[from, to)` that `proven` leaves out, newest first.
fn gaps(proven: &[Window], from: DateTime<Utc>, to: DateTime<Utc>) -> Vec<Window> {
    let mut gaps = Vec::new();
    let mut reached = from;
    for window in proven.iter().filter(|window| window.to > from && window.from < to) {
        if window.from > reached {
            gaps.push(Window { from: reached, to: window.from });
        }
        reached = reached.max(window.to);
    }
    if reached < to {
        gaps.push(Window { from: reached, to });
    }
    gaps.reverse();
    gaps
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(day: u32) -> DateTime<Utc> {
        format!("2026-01-{day:02}T00:00:00Z").parse().expect("an instant")
    }

    fn days(from: u32, to: u32) -> Window {
        Window { from: at(from), to: at(to) }
    }

    #[test]
    fn gaps_are_what_is_left_newest_first() {
        let proven = [days(3, 5), days(8, 10), days(20, 25)];
        assert_eq!(gaps(&proven, at(1), at(22)), [days(10, 20), days(5, 8), days(1, 3)]);
        assert_eq!(gaps(&proven, at(4), at(9)), [days(5, 8)]);
        assert_eq!(gaps(&[days(1, 30)], at(1), at(22)), []);
        assert_eq!(gaps(&[], at(1), at(2)), [days(1, 2)]);
    }
}
