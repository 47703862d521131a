//! Claiming for a pass: due tasks with all data needed to try them, in a few round trips for many tasks.

use std::collections::BTreeMap;

use crate::ingest::artifact::backlog;
use crate::ingest::artifact::reports::REPORTS_AT_ONCE;
use crate::ingest::artifact::stream_run::StreamRun;
use crate::ingest::poller::{PlannedStream, Poller, Source};
use crate::model::stream::Stream;
use crate::store::artifact::quality;
use crate::store::artifact::queue::{self, ClaimLimit};
use crate::store::artifact::task::Task;
use crate::store::{StoreError, control};

/// A claim to make.
pub(super) struct Claim {
    /// How many tasks to claim of which streams; none where only pauses are looked up.
    pub(super) limits: Vec<ClaimLimit>,
    /// The runs of the pass so far.
    pub(super) runs: BTreeMap<Stream, StreamRun>,
}

/// A claim that was made.
pub(super) struct Claimed<'a> {
    pub(super) limits: Vec<ClaimLimit>,
    pub(super) tasks: Vec<backlog::Claimed<'a>>,
    /// Runs opened for streams that had none.
    pub(super) opened: Vec<(Stream, StreamRun)>,
    /// Streams that an operator paused.
    pub(super) paused: Vec<Stream>,
}

/// Claims due tasks, and opens the runs they belong to.
pub(super) async fn claim<'a>(
    poller: &'a Poller,
    source: &'a Source,
    streams: &'a [PlannedStream],
    claim: Claim,
) -> Result<Claimed<'a>, StoreError> {
    let Claim { limits, mut runs } = claim;
    let (pool, now) = (&poller.pool, poller.clock.now());
    let paused = control::paused(pool, source.id).await?;
    let wanted: Vec<ClaimLimit> = limits.iter().copied().filter(|one| !paused.contains(&one.stream)).collect();
    let mut claimed = Claimed { limits, tasks: Vec::new(), opened: Vec::new(), paused };
    if wanted.is_empty() {
        return Ok(claimed);
    }
    let tasks = queue::claim(pool, source.id, &wanted, poller.lease_duration, now).await?;
    let mut asked = Vec::new();
    for task in tasks {
        let Some(planned) = streams.iter().find(|planned| planned.stream == task.stream) else { continue };
        let run = if let Some(run) = runs.get(&task.stream) {
            run.clone()
        } else {
            let run = StreamRun::open(poller, source, task.stream).await?;
            runs.insert(task.stream, run.clone());
            claimed.opened.push((task.stream, run.clone()));
            run
        };
        let policy = &planned.policy;
        // a presence without a report is requested once in each round; a round begins when it is due
        asked.push(policy.per_participant.then_some(task.due_at));
        claimed.tasks.push(backlog::Claimed { task, policy, run, reports: quality::MissingReports::default() });
    }
    let of_reports: Vec<(&Task, _)> =
        claimed.tasks.iter().zip(&asked).filter_map(|(one, before)| Some((&one.task, (*before)?))).collect();
    let limit = i64::try_from(REPORTS_AT_ONCE + 1).unwrap_or(i64::MAX);
    let mut missing = quality::missing(pool, &of_reports, limit).await?.into_iter();
    let waiting = claimed.tasks.iter_mut().zip(&asked).filter(|(_, before)| before.is_some());
    for (one, _) in waiting {
        one.reports = missing.next().unwrap_or_default();
    }
    Ok(claimed)
}
