//! Replay of per-session data from raw records: participants, chat, transcript, summary, quality.
//!
//! An artifact is rebuilt as a whole, after its session. The rows of a file that the current code cannot read stay
//! as they are.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use crate::connector::error::PullError;
use crate::ingest::poller::{Poller, Source};
use crate::ingest::replay::report::{STOPPED, StreamReplay, Watcher};
use crate::model::artifact::{Artifact, ArtifactPage, ArtifactRequest, ArtifactState};
use crate::model::id::ProviderRecordId;
use crate::model::page::Reject;
use crate::model::stream::Stream;
use crate::store::artifact::content::SaveContext;
use crate::store::artifact::rebuild::{self, Made, Part, People, Rebuilt, StoredArtifact};
use crate::store::field_presence::FieldBook;
use crate::store::{StoreError, StreamKey};

/// Artifacts listed at once.
const CHUNK: i64 = 500;

/// Rebuilds the per-session data of a source. Returns one report for each stream that has any.
pub(super) async fn replay(
    poller: &Poller,
    source: &Source,
    watcher: &dyn Watcher,
) -> Result<Vec<StreamReplay>, StoreError> {
    let pool = &poller.pool;
    let total = u64::try_from(rebuild::count(pool, source.id).await?).unwrap_or_default();
    let mut told: BTreeMap<Stream, StreamReplay> = BTreeMap::new();
    let (mut after, mut done) = (None, 0);
    loop {
        let chunk = rebuild::next(pool, source.id, after.as_ref(), CHUNK).await?;
        for (session, name) in &chunk {
            watcher.at(source.slug.as_str(), "session artifacts", done, total);
            done += 1;
            let Some(stream) = Stream::parse(name) else { continue };
            let line = told.entry(stream).or_insert_with(|| StreamReplay::new(source, stream));
            if poller.stop.is_cancelled() {
                line.detail = Some(STOPPED.to_owned());
                return Ok(told.into_values().collect());
            }
            line.records += 1;
            let stored = rebuild::load(pool, source.id, stream, session, poller.clock.now()).await?;
            let Some(stored) = stored else { continue };
            match make(poller, source, stored, None).await {
                Ok(Making { rebuilt: Rebuilt::Written, .. }) => line.written += 1,
                Ok(_) => line.unchanged += 1,
                Err(Trouble::Store(error)) if !error.is_data() => return Err(error),
                Err(trouble) => {
                    tracing::warn!(source = %source.slug, %stream, session, cause = trouble.cause(), "not rebuilt");
                    line.refused += 1;
                }
            }
        }
        after = chunk.last().cloned();
        if after.is_none() {
            watcher.at(source.slug.as_str(), "session artifacts", done, total);
            return Ok(told.into_values().collect());
        }
    }
}

/// The reason why an artifact was not rebuilt.
pub(super) enum Trouble {
    /// The current code cannot read it.
    Unreadable(PullError),
    /// The database failed, or refused a value.
    Store(StoreError),
}

impl Trouble {
    fn cause(&self) -> String {
        match self {
            Self::Unreadable(error) => error.to_string(),
            Self::Store(error) => error.cause(),
        }
    }
}

impl From<StoreError> for Trouble {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// Result of rebuilding an artifact.
pub(super) struct Making {
    pub(super) rebuilt: Rebuilt,
    /// Rows of a file that the current code cannot read.
    pub(super) rejects: Vec<Reject>,
}

/// Rebuilds the rows of one artifact from its stored records and from the part `taken_in`.
pub(super) async fn make(
    poller: &Poller,
    source: &Source,
    stored: StoredArtifact,
    taken_in: Option<&Part>,
) -> Result<Making, Trouble> {
    let stream_key = StreamKey { source_id: source.id, stream: stored.task.stream };
    let fields = &FieldBook::load(&poller.pool, stream_key, &source.dropped_fields).await?;
    let work = Work { poller, source, stored, taken_in, fields };
    match work.stored.task.stream {
        Stream::Participants => work.participants().await,
        Stream::Quality => work.reports().await,
        _ => work.file().await,
    }
}

struct Work<'a> {
    poller: &'a Poller,
    source: &'a Source,
    stored: StoredArtifact,
    taken_in: Option<&'a Part>,
    /// The usual fields of the stream's records.
    fields: &'a FieldBook,
}

impl Work<'_> {
    /// Reads a stored record, or a file, again; `None`: it holds nothing.
    fn read(&self, part: &Part, participant: Option<&ProviderRecordId>) -> Result<Option<ArtifactPage>, Trouble> {
        let task = &self.stored.task;
        let request = ArtifactRequest {
            session: &task.session,
            participant,
            cursor: None,
            may_be_large: true,
            now: part.last_fetched_at,
        };
        let mut read =
            self.source.connector.read_artifact(task.stream, &part.body, request).map_err(Trouble::Unreadable)?;
        if let Some(page) = &mut read {
            page.leave_out_impossible_times(&request);
        }
        Ok(read.filter(|page| page.artifact.stream() == task.stream))
    }

    async fn participants(&self) -> Result<Making, Trouble> {
        let (mut list, mut people) = (Vec::new(), People::new());
        for part in &self.stored.parts {
            let Some(Artifact::Participants(read)) = self.read(part, None)?.map(|page| page.artifact) else { continue };
            for one in read {
                if let Some(person) = one.person() {
                    let id = self.poller.person_key.person_id(&self.source.pseudonym_slug, &person);
                    let seen = people.entry(id).or_insert((person.identity_kind, part.first_at));
                    seen.1 = seen.1.min(part.first_at);
                }
                // participants that are no longer listed did take part, and are known people
                if !part.is_gone {
                    list.push(one);
                }
            }
        }
        let content = ArtifactPage { is_whole_list: true, ..ArtifactPage::of(Artifact::Participants(list)) };
        let at = self.stored.newest_at().unwrap_or_else(|| self.poller.clock.now());
        let rebuilt = self.save(&content, &people, at, !content.artifact.is_empty()).await?;
        Ok(Making { rebuilt, rejects: Vec::new() })
    }

    /// Rebuilds reports. They arrive in parts; each part keeps the instant at which it was fetched.
    async fn reports(&self) -> Result<Making, Trouble> {
        let mut by_time: BTreeMap<DateTime<Utc>, ArtifactPage> = BTreeMap::new();
        for part in &self.stored.parts {
            let Ok(peer) = ProviderRecordId::parse(&part.name) else { continue };
            // a presence without a report at the provider is stored without bytes
            if let Some(page) = self.read(part, Some(&peer))? {
                // a report that holds nothing is asked for again, and its row keeps when that was last
                let at = if page.artifact.is_empty() { part.last_fetched_at } else { part.fetched_at };
                let nothing = || ArtifactPage::of(Artifact::Quality(Vec::new()));
                by_time.entry(at).or_insert_with(nothing).add(ArtifactPage::of(page.artifact));
            }
        }
        let is_something = by_time.values().any(|page| !page.artifact.is_empty());
        let mut rebuilt = Rebuilt::Unchanged;
        for (at, content) in by_time {
            let saved = self.save(&content, &People::new(), at, is_something).await?;
            if saved != Rebuilt::Unchanged {
                rebuilt = saved;
            }
        }
        Ok(Making { rebuilt, rejects: Vec::new() })
    }

    async fn file(mut self) -> Result<Making, Trouble> {
        let newest = |part: &&mut Part| part.last_fetched_at;
        let read = match self.stored.parts.iter().max_by_key(|part| part.last_fetched_at) {
            Some(part) => self.read(part, None)?,
            None => None,
        };
        let part = self.stored.parts.iter_mut().max_by_key(newest);
        let Some((page, part)) = read.zip(part) else {
            return Ok(Making { rebuilt: Rebuilt::Unchanged, rejects: Vec::new() });
        };
        let (raw, at) = (Some(std::mem::take(&mut part.body)), part.last_fetched_at);
        let content = ArtifactPage { raw, ..page };
        let is_something = !content.artifact.is_empty() || !content.rejects.is_empty();
        let rebuilt = self.save(&content, &People::new(), at, is_something).await?;
        Ok(Making { rebuilt, rejects: content.rejects })
    }

    async fn save(
        &self,
        content: &ArtifactPage,
        people: &People,
        at: DateTime<Utc>,
        is_something: bool,
    ) -> Result<Rebuilt, StoreError> {
        let StoredArtifact { task, parts, .. } = &self.stored;
        let context = SaveContext {
            task,
            run_id: parts.last().map_or(0, |part| part.run_id),
            source_slug: &self.source.pseudonym_slug,
            person_key: &self.poller.person_key,
            fields: self.fields,
            now: at,
        };
        let state = match task.state {
            ArtifactState::Pending if is_something => ArtifactState::Available,
            ArtifactState::Pending if content.raw.is_some() => ArtifactState::Empty,
            state => state,
        };
        let made = Made { people, state, taken_in: self.taken_in };
        rebuild::save(&self.poller.pool, &self.stored, &context, content, &made).await
    }
}
