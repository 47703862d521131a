//! Claimed tasks of a pass that are not tried yet: chooses the next task, and the streams for which to claim more.
//!
//! One claim takes many tasks, so that each costs little; few are tried at once. This module uses no database and
//! no network.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};

use crate::connector::ArtifactPolicy;
use crate::ingest::artifact::stream_run::StreamRun;
use crate::model::stream::Stream;
use crate::store::artifact::quality::MissingReports;
use crate::store::artifact::queue::ClaimLimit;
use crate::store::artifact::task::Task;

/// Tasks tried at once: a slow file takes one of these slots.
pub(super) const AT_ONCE: usize = 8;
/// Slots for one stream at most: a provider that hangs on one kind of call does not block the others.
const AT_ONCE_OF_A_STREAM: usize = 5;
/// Most claimed tasks of a stream that wait for a slot.
const WAITING_OF_A_STREAM: usize = 16;

/// A claimed task with the data needed to try it.
pub(super) struct Claimed<'a> {
    pub(super) task: Task,
    pub(super) policy: &'a ArtifactPolicy,
    pub(super) run: StreamRun,
    /// The participants whose reports are missing, for a stream requested by participant.
    pub(super) reports: MissingReports,
}

/// Tasks that wait for a slot, and tasks that occupy one.
#[derive(Default)]
pub(super) struct Backlog<'a> {
    waiting: Vec<Claimed<'a>>,
    trying: BTreeMap<Stream, usize>,
    /// Streams for which the last claim found all that was due.
    exhausted: BTreeSet<Stream>,
    /// Streams that are no longer tried.
    closed: BTreeSet<Stream>,
}

impl<'a> Backlog<'a> {
    /// Adds the tasks claimed for `limits`.
    pub(super) fn add(&mut self, claimed: Vec<Claimed<'a>>, limits: &[ClaimLimit]) {
        for ClaimLimit { stream, count } in limits {
            if claimed.iter().filter(|one| one.task.stream == *stream).count() < *count {
                self.exhausted.insert(*stream);
            }
        }
        self.waiting.extend(claimed);
    }

    /// Returns the most urgent task whose stream has a free slot, and occupies it.
    pub(super) fn start_next(&mut self, now: DateTime<Utc>) -> Option<Claimed<'a>> {
        if self.trying.values().sum::<usize>() >= AT_ONCE {
            return None;
        }
        let has_slot = self.waiting.iter().enumerate().filter(|(_, one)| self.has_slot(one.task.stream));
        let next = has_slot.min_by_key(|(_, one)| one.task.urgency(now)).map(|(at, _)| at)?;
        let next = self.waiting.swap_remove(next);
        *self.trying.entry(next.task.stream).or_default() += 1;
        Some(next)
    }

    /// Frees the slot of a finished task.
    pub(super) fn end(&mut self, stream: Stream) {
        if let Some(trying) = self.trying.get_mut(&stream) {
            *trying = trying.saturating_sub(1);
        }
    }

    fn has_slot(&self, stream: Stream) -> bool {
        !self.closed.contains(&stream) && self.trying.get(&stream).copied().unwrap_or_default() < AT_ONCE_OF_A_STREAM
    }

    fn waiting_of(&self, stream: Stream) -> usize {
        self.waiting.iter().filter(|one| one.task.stream == stream).count()
    }

    /// Returns how many tasks of which of `streams` to claim now: none while each stream with a free slot has a
    /// task for it, or has nothing else due.
    pub(super) fn claim_limits(&self, streams: &[Stream]) -> Vec<ClaimLimit> {
        let open = || streams.iter().copied().filter(|stream| !self.closed.contains(stream));
        let is_short =
            |stream: Stream| self.has_slot(stream) && !self.exhausted.contains(&stream) && self.waiting_of(stream) == 0;
        if !open().any(is_short) {
            return Vec::new();
        }
        let limits = open()
            .map(|stream| ClaimLimit { stream, count: WAITING_OF_A_STREAM.saturating_sub(self.waiting_of(stream)) });
        limits.filter(|one| one.count > 0).collect()
    }

    /// Marks that tasks of any stream may be due again.
    pub(super) fn look_again(&mut self) {
        self.exhausted.clear();
    }

    /// Stops trying this stream in this pass.
    pub(super) fn close(&mut self, stream: Stream) {
        self.closed.insert(stream);
    }

    /// Removes and returns the waiting tasks of `streams`.
    pub(super) fn take(&mut self, streams: &[Stream]) -> Vec<Claimed<'a>> {
        let (taken, rest) =
            std::mem::take(&mut self.waiting).into_iter().partition(|one| streams.contains(&one.task.stream));
        self.waiting = rest;
        taken
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }
}
