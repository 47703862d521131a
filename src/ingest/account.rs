//! Detection of an account that is already stored under another source.
//!
//! Some providers distinguish accounts by the credential alone, so a slug and a credential that change together go
//! unnoticed. The data shows it: an id and an instant of creation that another source of the provider also holds
//! are the same session. The comparison runs before anything of a page is stored, as long as the source itself
//! holds few sessions, and only where the provider has another source with sessions.

use std::collections::BTreeMap;

use crate::ingest::poller::{Poller, Source};
use crate::ingest::verdict::Halt;
use crate::model::page::Page;
use crate::model::source::way_out;
use crate::store::account;

/// A source with this many sessions has its own data, and is no longer compared.
const FEW_SESSIONS: i64 = 1_000;
/// Ids may be small numbers that two accounts share by chance, with the same second of creation. This many, and
/// more than half of all listed, are no chance.
const MANY_SHARED: i64 = 10;
/// Ids of this length are never equal by chance: then it suffices that all listed sessions are shared, however few.
const LONG_ID: usize = 16;

/// Sessions the run has listed so far, and the other sources that hold them.
#[derive(Debug, Default)]
pub(super) struct AccountWitness {
    /// Whether there is anything to compare; `None`: not looked up yet.
    is_needed: Option<bool>,
    listed_count: i64,
    shared: BTreeMap<String, i64>,
    has_short_ids: bool,
}

impl AccountWitness {
    /// Returns the source that already holds the listed sessions.
    fn other(&self) -> Option<(&str, i64)> {
        let (slug, shared) = self.shared.iter().max_by_key(|(_, shared)| **shared)?;
        let is_most = *shared >= MANY_SHARED && *shared * 2 > self.listed_count;
        let is_all = !self.has_short_ids && *shared == self.listed_count;
        (is_most || is_all).then_some((slug.as_str(), *shared))
    }

    /// Ends the run where the page shows that the account is stored under another source.
    pub(super) async fn compare(&mut self, poller: &Poller, source: &Source, page: &Page) -> Result<(), Halt> {
        let (pool, source_id) = (&poller.pool, source.id);
        let is_needed = match self.is_needed {
            Some(is_needed) => is_needed,
            None => account::may_be_another(pool, source_id, FEW_SESSIONS).await.map_err(Halt::Store)?,
        };
        self.is_needed = Some(is_needed);
        if !is_needed || page.records.is_empty() {
            return Ok(());
        }
        let sessions: BTreeMap<&str, _> = page
            .records
            .iter()
            .map(|record| (record.session.provider_session_id.as_str(), record.session.created_at))
            .collect();
        let ids: Vec<&str> = sessions.keys().copied().collect();
        let created: Vec<_> = sessions.into_values().collect();
        let shared = account::shared(pool, source_id, &ids, &created).await.map_err(Halt::Store)?;
        self.listed_count += i64::try_from(ids.len()).unwrap_or(i64::MAX);
        self.has_short_ids |= ids.iter().any(|id| id.len() < LONG_ID);
        for other in shared {
            *self.shared.entry(other.slug).or_default() += other.session_count;
        }
        let Some((other, count)) = self.other() else {
            self.is_needed = Some(self.listed_count < FEW_SESSIONS);
            return Ok(());
        };
        let slug = source.slug.as_str();
        Err(Halt::SameAccount(format!(
            "{count} of the {} sessions that `{slug}` lists are stored as sessions of `{other}`, and would be counted twice: {}",
            self.listed_count,
            way_out(other, slug)
        )))
    }
}
