//! Generated sessions in order of time.
//!
//! The course of each session is decided when it is generated; the visible part depends on the instant. This module
//! does not depend on providers.

use std::fmt::Debug;

use chrono::{DateTime, Utc};

use crate::feed::{Bounds, Entry, Feed};
use crate::quirks::Quirks;
use crate::truth::ProviderTruth;

/// A session whose whole course is decided.
pub(super) trait Session: Debug + Send + Sync + 'static {
    fn id(&self) -> &str;
    fn created_at(&self) -> DateTime<Utc>;
    /// Returns the time of the last change up to `now`. Two equal results mean that the record is the same.
    fn updated_at(&self, now: DateTime<Utc>) -> DateTime<Utc>;
    fn render(&self, now: DateTime<Utc>) -> String;
    fn truth<'a>(existing: impl Iterator<Item = &'a Self>, now: DateTime<Utc>) -> ProviderTruth;
}

/// Sessions of one provider, oldest first.
#[derive(Debug)]
pub(super) struct Timeline<T>(pub(super) Vec<T>);

impl<T: Session> Timeline<T> {
    pub(super) fn existing(&self, now: DateTime<Utc>) -> &[T] {
        &self.0[..self.0.partition_point(|session| session.created_at() <= now)]
    }
}

/// Returns a session's entry in the index.
pub(super) fn entry(key: usize, session: &impl Session, now: DateTime<Utc>) -> Entry {
    Entry { key, created_at: session.created_at(), updated_at: session.updated_at(now) }
}

impl<T: Session> Feed for Timeline<T> {
    fn index(&self, now: DateTime<Utc>) -> Vec<Entry> {
        self.existing(now).iter().enumerate().map(|(key, session)| entry(key, session, now)).collect()
    }

    fn created_between(&self, bounds: Bounds, now: DateTime<Utc>) -> Vec<Entry> {
        let existing = self.existing(now);
        let from = bounds.from.map_or(0, |from| existing.partition_point(|session| session.created_at() < from));
        let to = bounds.to.map_or(existing.len(), |to| existing.partition_point(|session| session.created_at() <= to));
        (from..to.max(from)).map(|key| entry(key, &existing[key], now)).collect()
    }

    fn find(&self, id: &str, now: DateTime<Utc>) -> Option<usize> {
        self.existing(now).iter().position(|session| session.id() == id)
    }

    fn render(&self, key: usize, now: DateTime<Utc>) -> Option<String> {
        self.0.get(key).map(|session| session.render(now))
    }

    fn truth_with(&self, now: DateTime<Utc>, _: &Quirks) -> Option<ProviderTruth> {
        Some(T::truth(self.existing(now).iter(), now))
    }
}
