//! Repeated reading of the past in rings, where a list filters by creation.
//!
//! Rings come after the present, with calls of the lowest priority in the budget, and take only a share of a run.
//! The next run continues: a pass reads the ranges last seen before it began, which is stored in the database. A
//! ring that is not finished leaves the run complete, until it is overdue.

use chrono::{DateTime, TimeDelta, Utc};

use crate::clock::parse_schedule;
use crate::connector::StreamPolicy;
use crate::connector::error::PullError;
use crate::ingest::run::{Run, Share};
use crate::ingest::verdict::Halt;
use crate::model::ring::Ring;
use crate::model::time::{Window, sane_range};
use crate::store::{ring, state_coverage};

/// Pages of rings that one run reads.
const MAX_PAGES: u64 = 500;
/// Margin listed around an open session: near the ends of a range no session counts as missing.
const MARGIN: TimeDelta = TimeDelta::minutes(5);
/// Longest wait of a full reading for calls of an exhausted budget.
const LONGEST_WAIT: TimeDelta = TimeDelta::minutes(15);

/// How much of the rings a run reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extent {
    /// The due rings, within the run's share of calls and time.
    Share,
    /// All rings, due or not, to their end.
    Full,
}

impl Run<'_> {
    /// Reads the rings. Errors in a full reading, and where the run itself must end. A list that goes by change needs
    /// none; a full reading, which believes nothing about the filter, reads the whole past once.
    pub(super) async fn read_rings(
        &mut self,
        policy: &StreamPolicy,
        extent: Extent,
        is_by_creation: bool,
    ) -> Result<(), Halt> {
        let (pool, now, is_full) = (&self.poller.pool, self.began_at, extent == Extent::Full);
        let standings = ring::standings(pool, self.guard.stream_key()).await.map_err(Halt::Store)?;
        self.use_backfill_connector((!is_full).then(|| self.share()));
        let doubts = std::mem::take(&mut self.doubts);
        let (mut finished, mut unfinished) = (Vec::new(), Vec::new());
        let (mut has_read, mut trouble) = (false, None);
        let rings = if is_by_creation { &Ring::ALL[..] } else { &[Ring::Weekly] };
        for &ring in rings {
            let standing = standings.get(&ring).copied().unwrap_or_default();
            let pass = if is_full { Some(now) } else { standing.pass(ring, now) };
            let Some(since) = pass else { continue };
            let mut left = self.unread(ring, since).await?;
            if !left.is_empty() && trouble.is_none() && !(has_read && self.is_share_spent()) {
                self.persist(|| ring::begin(pool, &self.guard, ring, since)).await.map_err(Halt::Store)?;
                has_read = true;
                match self.cover_ring(ring, since, policy, extent).await {
                    Err(Halt::Pull(error)) => trouble = Some(error),
                    covered => covered?,
                }
                // by change, the time up to which all changes are listed says when states were seen
                left = if is_by_creation { self.unread(ring, since).await? } else { Vec::new() };
            }
            if left.is_empty() {
                finished.push((ring, since));
            } else if let Some(at) = standing.overdue_since(ring, now).or(is_full.then_some(now)) {
                unfinished.push((ring, at));
            }
        }
        self.persist(|| ring::finish(pool, &self.guard, &finished, now)).await.map_err(Halt::Store)?;
        let found = std::mem::replace(&mut self.doubts, doubts);
        if let Some(error) = &trouble {
            tracing::info!(source = %self.source.slug, error = %error, "the next run continues to read the rings");
        }
        let why = trouble.as_ref().map(PullError::to_string).or_else(|| found.first().cloned());
        let why = why.unwrap_or_else(|| "it holds more records than the runs since then could read".to_owned());
        self.doubts.extend(unfinished.into_iter().map(|(ring, at)| {
            format!("the {ring} ring is due since {} and was not read to its end: {why}", at.to_rfc3339())
        }));
        match trouble {
            Some(error) if is_full => Err(Halt::Pull(error)),
            _ => Ok(()),
        }
    }

    fn share(&self) -> Share {
        let schedule = parse_schedule(&self.source.schedule).ok();
        let tick = schedule.and_then(|schedule| schedule.find_next_occurrence(&self.began_at, false).ok());
        let last_page = self.page_count + MAX_PAGES;
        Share { last_page, until: tick.unwrap_or(DateTime::<Utc>::MAX_UTC) }
    }

    /// Whether the rings have used up their share of this run.
    pub(super) fn is_share_spent(&self) -> bool {
        let spent = |share: &Share| self.page_count >= share.last_page || self.poller.clock.now() >= share.until;
        self.share.as_ref().is_some_and(spent)
    }

    /// Reads the remaining ranges of a ring. A full reading waits where the budget is short.
    async fn cover_ring(
        &mut self,
        ring: Ring,
        since: DateTime<Utc>,
        policy: &StreamPolicy,
        extent: Extent,
    ) -> Result<(), Halt> {
        loop {
            let targets = self.unread(ring, since).await?;
            let error = match self.cover(&targets, policy).await {
                Err(Halt::Pull(error)) if extent == Extent::Full => error,
                covered => return covered,
            };
            let wait = error.retry_at().map(|until| until - self.poller.clock.now());
            let Some(wait) = wait.filter(|wait| *wait <= LONGEST_WAIT) else { return Err(Halt::Pull(error)) };
            let wait = wait.to_std().unwrap_or_default();
            self.unless_stopped(async {
                tokio::time::sleep(wait).await;
                Ok(())
            })
            .await?;
        }
    }

    /// Returns the ranges of a ring that were last seen before `since`, the newest first.
    async fn unread(&self, ring: Ring, since: DateTime<Utc>) -> Result<Vec<Window>, Halt> {
        let (pool, stream_key) = (&self.poller.pool, self.guard.stream_key());
        let (first, last) = sane_range();
        let reach = Window { from: ring.reach().map_or(first, |reach| self.began_at - reach), to: last };
        let unseen = state_coverage::unseen(pool, stream_key, &reach, since).await.map_err(Halt::Store)?;
        if ring != Ring::Daily || unseen.is_empty() {
            return Ok(unseen);
        }
        let open = state_coverage::unseen_open(pool, stream_key, since).await.map_err(Halt::Store)?;
        let around = open.iter().rev().map(|open| Window { from: open.from - MARGIN, to: open.to + MARGIN });
        let common = |one: &Window, other: &Window| Window { from: one.from.max(other.from), to: one.to.min(other.to) };
        let targets = around.flat_map(|around| unseen.iter().map(move |part| common(&around, part)));
        Ok(targets.filter(|target| target.from < target.to).collect())
    }
}
