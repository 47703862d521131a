//! Detection of an account that is already stored under another source.
//!
//! Some providers distinguish accounts by the credential alone, so a slug and a credential that change together go
//! unnoticed. The data shows it: an id and an instant of creation that another source of the provider also holds
//! are the same session. The comparison runs before anything of a page is stored, only where the provider has another
//! source with sessions: over the first page of each run, since two credentials may be exchanged at any time, and over
//! the next ones as long as the source itself holds few sessions.

use std::collections::BTreeMap;

use crate::ingest::poller::{Poller, Source};
use crate::ingest::verdict::Halt;
use crate::model::page::Page;
use crate::model::source::{exchanged, way_out};
use crate::store::account::{self, Scope, Shared};

/// A source with this many sessions has its own data: only the first page of a run is compared.
const FEW_SESSIONS: i64 = 1_000;
/// Ids may be small numbers that two accounts share by chance, with the same second of creation. This many, and
/// more than half of all listed, are no chance.
const MANY_SHARED: i64 = 10;
/// Ids of this length are never equal by chance: then it suffices that all listed sessions are shared, however few.
const LONG_ID: usize = 16;

/// Sessions the run has listed so far, and the other sources that hold them.
#[derive(Debug, Default)]
pub(super) struct AccountWitness {
    /// Pages that may still be compared; `None`: not looked up yet.
    scope: Option<Scope>,
    listed_count: i64,
    shared: BTreeMap<String, Shared>,
    has_short_ids: bool,
}

impl AccountWitness {
    /// Returns the source that already holds the listed sessions.
    fn other(&self) -> Option<&Shared> {
        let shared = self.shared.values().max_by_key(|shared| shared.session_count)?;
        let count = shared.session_count;
        let is_most = count >= MANY_SHARED && count * 2 > self.listed_count;
        let is_all = !self.has_short_ids && count == self.listed_count;
        (is_most || is_all).then_some(shared)
    }

    /// Ends the run where the page shows that the account is stored under another source.
    pub(super) async fn compare(&mut self, poller: &Poller, source: &Source, page: &Page) -> Result<(), Halt> {
        let (pool, source_id) = (&poller.pool, source.id);
        let scope = match self.scope {
            Some(scope) => scope,
            None => account::scope(pool, source_id, FEW_SESSIONS).await.map_err(Halt::Store)?,
        };
        self.scope = Some(scope);
        if scope == Scope::Nothing || page.records.is_empty() {
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
            let before = self.shared.get(&other.slug).map_or(0, |before| before.session_count);
            let session_count = before + other.session_count;
            self.shared.insert(other.slug.clone(), Shared { session_count, ..other });
        }
        let Some(Shared { slug: other, session_count, is_configured }) = self.other() else {
            if scope == Scope::FirstPage || self.listed_count >= FEW_SESSIONS {
                self.scope = Some(Scope::Nothing);
            }
            return Ok(());
        };
        let (slug, listed) = (source.slug.as_str(), self.listed_count);
        let way_out = if *is_configured { exchanged(slug, other) } else { way_out(other, slug) };
        Err(Halt::SameAccount(format!(
            "{session_count} of the {listed} sessions that `{slug}` lists are stored as sessions of `{other}`, and would \
             be counted twice: {way_out}"
        )))
    }
}
