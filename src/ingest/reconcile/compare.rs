//! Comparison of a window with the provider's count, and repair of the difference.
//!
//! Where they differ, the window is split until the differing parts are small, and these are read again by the
//! ordinary walk, which stores what was missing. Where they agree, one small call is enough, unless the plan also
//! compares states: where a list filters by creation, equal counts say nothing about states, so all parts are read.
//! Sessions that are stored and were not listed are reported, and stay. Without a count there is no comparison, and
//! nothing is read.

use std::collections::HashSet;

use crate::connector::{StreamPolicy, lists_by_creation};
use crate::ingest::poller::{Poller, Source};
use crate::ingest::reconcile::daily_totals;
use crate::ingest::run::Run;
use crate::ingest::verdict::Halt;
use crate::ingest::walk::SHORTEST_SPLIT;
use crate::model::page::PageRequest;
use crate::model::time::{Window, sane_range};
use crate::store::backfill::{Backfill, Claimed, DayFigures};
use crate::store::reconciliation::{self, Comparison, ComparisonState, MinutesComparison, Stored};
use crate::store::source as facts;

/// A window with more records than this is split before it is read again.
const LARGEST_READ: i64 = 1_000;
/// Number of parts of a split.
const PARTS: u32 = 8;

/// Returns the comparison of a window for which the provider could not be asked.
pub(in crate::ingest) fn failed(window: Window, reason: &str) -> Comparison {
    Comparison { state: ComparisonState::Failed, reason: Some(reason.to_owned()), ..empty(window) }
}

fn empty(window: Window) -> Comparison {
    Comparison {
        window,
        state: ComparisonState::Match,
        reason: None,
        provider_count: None,
        our_count_before: 0,
        our_count: 0,
        missing_count: 0,
        healed_ids: Vec::new(),
        surplus_ids: Vec::new(),
        stale_ids: Vec::new(),
        rejected_count: 0,
        minutes: None,
    }
}

/// Compares the window of a unit; `slot` receives the run that repaired it, if one was needed.
pub(in crate::ingest) async fn compare<'a>(
    poller: &'a Poller,
    source: &'a Source,
    backfill: &Backfill,
    claimed: &Claimed,
    policy: StreamPolicy,
    slot: &mut Option<Run<'a>>,
) -> Result<Comparison, Halt> {
    let learnt = facts::facts(&poller.pool, source.id).await.map_err(Halt::Store)?;
    let is_by_change = !lists_by_creation(&learnt);
    Comparing { poller, source, backfill, claimed, is_by_change, policy, slot }.window().await
}

fn stale(count: usize) -> Option<String> {
    (count > 0).then(|| format!("{count} stored sessions had changed since they were last read"))
}

struct Comparing<'a, 'b> {
    poller: &'a Poller,
    source: &'a Source,
    backfill: &'b Backfill,
    claimed: &'b Claimed,
    /// Whether the provider's filter compares times of change, so that our count must do the same.
    is_by_change: bool,
    policy: StreamPolicy,
    slot: &'b mut Option<Run<'a>>,
}

impl<'a> Comparing<'a, '_> {
    async fn window(&mut self) -> Result<Comparison, Halt> {
        let window = self.claimed.window;
        let before = self.stored(&window).await?;
        let (provider_count, why_not) = self.counted(&window).await?;
        let mut compared = Comparison {
            provider_count,
            our_count_before: before.nearest(provider_count),
            our_count: before.nearest(provider_count),
            ..empty(window)
        };
        let Some(total) = provider_count else {
            compared.state = ComparisonState::Unverifiable;
            compared.reason = why_not.map(|why| format!("{why}; the window was not read again"));
            return Ok(compared);
        };
        compared.missing_count = (total - compared.our_count_before).max(0);
        let are_equal = before.agrees_with(total);
        let is_empty = total == 0 && before.closed == 0;
        if !are_equal || (self.claimed.compares_states && !is_empty) {
            self.heal(window, total, &mut compared).await?;
        }
        self.compare_minutes(are_equal, &mut compared).await?;
        if self.slot.is_some() {
            self.judge(&mut compared, are_equal).await?;
        }
        Ok(compared)
    }

    /// Judges a window that was read again.
    async fn judge(&mut self, compared: &mut Comparison, were_equal: bool) -> Result<(), Halt> {
        let run = self.slot.as_ref();
        compared.rejected_count = run.map_or(0, |run| run.progress.rejected_count);
        let doubt = run.and_then(|run| run.doubts.first().cloned());
        let healed = i64::try_from(compared.healed_ids.len()).unwrap_or(i64::MAX);
        compared.missing_count = compared.missing_count.max(healed);
        let (total, why_not) = self.counted(&compared.window).await?;
        compared.provider_count = total.or(compared.provider_count);
        let after = self.stored(&compared.window).await?;
        compared.our_count = after.nearest(compared.provider_count);
        if let Some(run_id) = self.slot.as_ref().map(|run| run.id) {
            let changed = reconciliation::changed_by(&self.poller.pool, self.source.id, run_id).await;
            compared.stale_ids = changed.map_err(Halt::Store)?;
        }
        // equal counts of a list that could not be read to its end compare no states
        let is_compared = compared.surplus_ids.is_empty() && (!were_equal || doubt.is_none());
        if is_compared && total.is_some_and(|total| after.agrees_with(total)) {
            let is_match = were_equal && compared.stale_ids.is_empty() && compared.healed_ids.is_empty();
            compared.state = if is_match { ComparisonState::Match } else { ComparisonState::Healed };
            compared.reason = stale(compared.stale_ids.len());
            return Ok(());
        }
        compared.state = ComparisonState::Differs;
        let found = if compared.surplus_ids.is_empty() {
            doubt.or_else(|| why_not.map(str::to_owned))
        } else {
            let count = compared.surplus_ids.len();
            Some(format!("{count} stored sessions are not listed by the provider"))
        };
        let rejected = (compared.rejected_count > 0)
            .then(|| format!("{} listed records could not be normalized", compared.rejected_count));
        let reasons: Vec<String> = rejected.into_iter().chain(found).collect();
        let none = || "the provider's count differs from its list".to_owned();
        compared.reason = Some(if reasons.is_empty() { none() } else { reasons.join("; ") });
        Ok(())
    }

    /// Descends to the parts that differ, or to all parts where states are compared, and reads them again.
    async fn heal(&mut self, window: Window, total: i64, compared: &mut Comparison) -> Result<(), Halt> {
        let mut ahead = vec![(window, Some(total))];
        while let Some((window, known)) = ahead.pop() {
            let stored = self.stored(&window).await?;
            let total = match known {
                Some(total) => Some(total),
                None => self.counted(&window).await?.0,
            };
            let is_equal = total.is_some_and(|total| stored.agrees_with(total));
            if is_equal && (!self.claimed.compares_states || stored.closed == 0) {
                continue;
            }
            let is_large = total.unwrap_or(0).max(stored.closed) > LARGEST_READ;
            if is_large && window.span() > SHORTEST_SPLIT && !self.backfill.is_unfiltered {
                ahead.extend(window.split(PARTS).into_iter().rev().map(|part| (part, None)));
                continue;
            }
            self.read_again(window, compared).await?;
        }
        Ok(())
    }

    async fn read_again(&mut self, window: Window, compared: &mut Comparison) -> Result<(), Halt> {
        let (pool, source_id) = (&self.poller.pool, self.source.id);
        let newest = reconciliation::newest(pool, source_id).await.map_err(Halt::Store)?;
        let (policy, is_by_change, is_unfiltered) = (self.policy, self.is_by_change, self.backfill.is_unfiltered);
        let run = self.run().await?;
        let doubts_before = run.doubts.len();
        run.listed = Some(HashSet::new());
        let walked = run.cover(&[window], &policy).await;
        let listed: Vec<String> = run.listed.take().unwrap_or_default().into_iter().collect();
        let is_proven = walked.is_ok() && run.doubts.len() == doubts_before;
        // also where the walk ended early: the sessions it added are reported
        let healed = reconciliation::inserted_since(pool, source_id, &listed, newest).await.map_err(Halt::Store)?;
        compared.healed_ids.extend(healed);
        walked?;
        // where the filter compares changes, a change moves a session to another window: not listed does not mean
        // deleted
        if is_proven && !is_by_change && !is_unfiltered {
            let surplus = reconciliation::unlisted(pool, source_id, &window, &listed).await.map_err(Halt::Store)?;
            compared.surplus_ids.extend(surplus);
        }
        Ok(())
    }

    /// Returns the run that reads, and begins it when it is first needed: most windows are equal.
    async fn run(&mut self) -> Result<&mut Run<'a>, Halt> {
        if self.slot.is_none() {
            let (unit, window) = (self.claimed.unit, &self.claimed.window);
            let run = Run::start_unit(self.poller, self.source, unit, self.backfill.purpose, window).await;
            *self.slot = Some(run.map_err(Halt::Store)?);
        }
        self.slot.as_mut().ok_or(Halt::Cancelled)
    }

    /// Compares minutes: a day with equal session counts may still hold fewer minutes, and is then read again too.
    async fn compare_minutes(&mut self, are_counts_equal: bool, compared: &mut Comparison) -> Result<(), Halt> {
        let Some(DayFigures { minutes: theirs, offset_hours, .. }) = self.claimed.day else { return Ok(()) };
        let day = daily_totals::shifted(&compared.window, offset_hours.unwrap_or(0));
        let mut ours = self.stored(&day).await?.minutes;
        if offset_hours.is_some() && are_counts_equal && !daily_totals::are_alike(theirs, ours) {
            self.read_again(day, compared).await?;
            ours = self.stored(&day).await?.minutes;
        }
        let state = match offset_hours {
            None => "unverifiable",
            Some(_) if daily_totals::are_alike(theirs, ours) => "match",
            Some(_) => "differs",
        };
        compared.minutes = Some(MinutesComparison { provider: theirs, ours, state, offset_hours });
        Ok(())
    }

    async fn stored(&self, window: &Window) -> Result<Stored, Halt> {
        let (from, to) = sane_range();
        // a provider that ignores the filter counts everything, so its count is compared with everything
        let window = if self.backfill.is_unfiltered { Window { from, to } } else { *window };
        let counted = reconciliation::stored(&self.poller.pool, self.source.id, &window, self.is_by_change).await;
        counted.map_err(Halt::Store)
    }

    async fn counted(&self, window: &Window) -> Result<(Option<i64>, Option<&'static str>), Halt> {
        let request = PageRequest { window, cursor: None, now: self.poller.clock.now() };
        let call = self.source.backfill_connector.count(self.backfill.stream_key.stream, request);
        let count = tokio::select! {
            biased;
            () = self.poller.stop.cancelled() => return Err(Halt::Cancelled),
            count = call => count.map_err(Halt::Pull)?,
        };
        Ok((count.total.map(|total| i64::try_from(total).unwrap_or(i64::MAX)), count.why_not))
    }
}
