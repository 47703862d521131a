//! The tasks a pass has claimed and not tried yet: which is tried next, and of which streams more are claimed.
//!
//! A claim takes many tasks, so that it costs little for each; few are tried at once. No database, no network.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};

use crate::connector::ArtifactPolicy;
use crate::model::stream::Stream;
use crate::store::artifact::Task;
use crate::store::artifact::quality::MissingReports;
use crate::store::artifact::queue::Places;

/// Tasks in hand at once: a slow file takes one place of them.
pub(super) const AT_ONCE: usize = 8;
/// Of these, places of one stream: a provider that hangs on one kind of call keeps no other from being made.
const AT_ONCE_OF_A_STREAM: usize = 5;
/// Tasks of a stream that wait for a place at most.
const WAITING_OF_A_STREAM: usize = 16;

/// A claimed task with what is needed to try it.
pub(super) struct Claimed<'a> {
    pub(super) task: Task,
    pub(super) policy: &'a ArtifactPolicy,
    pub(super) run_id: i64,
    /// Whose report is missing, where it is asked for by participant.
    pub(super) reports: MissingReports,
    /// The absences of many old sessions in a row were confirmed in this pass.
    pub(super) is_usual_absence: bool,
}

/// What waits for a place, and what takes one.
#[derive(Default)]
pub(super) struct Backlog<'a> {
    waiting: Vec<Claimed<'a>>,
    trying: BTreeMap<Stream, usize>,
    /// Streams of which the last claim left nothing that is due.
    exhausted: BTreeSet<Stream>,
    /// Streams of which nothing is tried any more.
    closed: BTreeSet<Stream>,
}

impl<'a> Backlog<'a> {
    /// Takes in what was claimed for `places`.
    pub(super) fn add(&mut self, claimed: Vec<Claimed<'a>>, places: &[Places]) {
        for Places { stream, count } in places {
            if claimed.iter().filter(|one| one.task.stream == *stream).count() < *count {
                self.exhausted.insert(*stream);
            }
        }
        self.waiting.extend(claimed);
    }

    /// The most urgent task whose stream has a place, which it takes.
    pub(super) fn start_next(&mut self, now: DateTime<Utc>) -> Option<Claimed<'a>> {
        if self.trying.values().sum::<usize>() >= AT_ONCE {
            return None;
        }
        let has_place = self.waiting.iter().enumerate().filter(|(_, one)| self.has_place(one.task.stream));
        let next = has_place.min_by_key(|(_, one)| one.task.urgency(now)).map(|(at, _)| at)?;
        let next = self.waiting.swap_remove(next);
        *self.trying.entry(next.task.stream).or_default() += 1;
        Some(next)
    }

    /// Gives the place of a task back that was tried.
    pub(super) fn end(&mut self, stream: Stream) {
        if let Some(trying) = self.trying.get_mut(&stream) {
            *trying = trying.saturating_sub(1);
        }
    }

    fn has_place(&self, stream: Stream) -> bool {
        !self.closed.contains(&stream) && self.trying.get(&stream).copied().unwrap_or_default() < AT_ONCE_OF_A_STREAM
    }

    fn waiting_of(&self, stream: Stream) -> usize {
        self.waiting.iter().filter(|one| one.task.stream == stream).count()
    }

    /// How many tasks of which of `streams` are to be claimed now: none while each stream that has a place has a task
    /// for it, or has nothing left that is due.
    pub(super) fn places(&self, streams: &[Stream]) -> Vec<Places> {
        let open = || streams.iter().copied().filter(|stream| !self.closed.contains(stream));
        let is_short = |stream: Stream| {
            self.has_place(stream) && !self.exhausted.contains(&stream) && self.waiting_of(stream) == 0
        };
        if !open().any(is_short) {
            return Vec::new();
        }
        let places =
            open().map(|stream| Places { stream, count: WAITING_OF_A_STREAM.saturating_sub(self.waiting_of(stream)) });
        places.filter(|one| one.count > 0).collect()
    }

    /// Something may be due again.
    pub(super) fn look_again(&mut self) {
        self.exhausted.clear();
    }

    /// Nothing of this stream is tried any more in this pass.
    pub(super) fn close(&mut self, stream: Stream) {
        self.closed.insert(stream);
    }

    /// Takes out what waits of `streams`.
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
