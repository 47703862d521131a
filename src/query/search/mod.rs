//! Search: words and phrases in messages, transcripts, titles and summaries, newest first.
//!
//! A common word has more matches than any page shows. Texts with a time of their own are therefore read in slices of
//! time from the newest on, each four times as long as the one before, until the page is full. The index holds the day
//! of each text, so that a slice costs what it contains. Texts are personal data.

mod excerpt;
mod filter;
mod links;
mod statement;
mod terms;

use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;
use sqlx::postgres::PgRow;
use sqlx::{PgPool, Row};
use utoipa::ToSchema;

pub use self::excerpt::ExcerptPiece;
pub use self::filter::{HitKey, HitKind, SearchFilter};
pub use self::terms::{SearchFault, Term, parse};

use self::terms::{LanguageQuery, WordQuery};

use crate::query::range::TimeRange;
use crate::query::{ReadError, reading};

/// A text that was found.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Hit {
    /// `message`, `transcript`, `summary` or `title`.
    pub kind: HitKind,
    /// Number of its session.
    pub session_id: i64,
    /// Slug of the source.
    pub source: String,
    /// Kind of platform.
    pub provider: String,
    /// Kind of session.
    pub session_kind: String,
    /// The provider's id of the session.
    pub provider_session_id: String,
    /// Time of the text; that of the start of its session, if it has none.
    pub at: DateTime<Utc>,
    /// The same in whole seconds from the start of the session.
    pub offset_seconds: i64,
    /// Position of a message or an utterance in its session.
    pub position: i32,
    /// The provider's id of a message.
    pub provider_message_id: Option<String>,
    /// Of a message: `user`, `assistant`, `participant` or `unknown`.
    pub sender_role: Option<String>,
    /// The presence that wrote or spoke, as in `/participants`.
    pub participant_id: Option<i64>,
    /// Pseudonym of the person who wrote or spoke.
    pub speaker_id: Option<String>,
    /// Name of the person who wrote or spoke. Personal.
    pub speaker: Option<String>,
    /// The text around the first match, in pieces. Personal.
    pub excerpt: Vec<ExcerptPiece>,
    /// Address of the session on the page, at the second of the text.
    pub page_link: String,
    /// Address of the API's list that has the text, from the text on.
    pub api_link: String,
}

impl Hit {
    /// Returns its sort key.
    pub fn key(&self) -> HitKey {
        HitKey {
            at: self.at,
            session_id: self.session_id,
            kind: self.kind,
            position: self.position,
            item: self.provider_message_id.clone().unwrap_or_default(),
        }
    }
}

/// Returns up to `limit` texts that have the `terms` and come after a key, newest first; `None`: the languages of all
/// sources leave out all words of the search.
pub async fn find(
    pool: &PgPool,
    filter: &SearchFilter,
    terms: &[Term],
    after: Option<&HitKey>,
    limit: i64,
) -> Result<Option<Vec<Hit>>, ReadError> {
    let languages = terms::by_language(pool, &filter.source_ids, terms).await?;
    let (mut hits, mut has_words) = (Vec::new(), languages.is_empty());
    for language in &languages {
        for kind in filter.kinds.iter().copied() {
            let words = if kind == HitKind::Title { &language.titles } else { &language.texts };
            let Some(words) = words else { continue };
            has_words = true;
            let search = Search { pool, filter, language, words, terms, kind, after, limit };
            hits.extend(search.hits().await?);
        }
    }
    hits.sort_by_cached_key(|hit| std::cmp::Reverse(hit.key()));
    hits.truncate(usize::try_from(limit).unwrap_or(0));
    Ok(has_words.then_some(hits))
}

/// A search for texts of one kind and language.
struct Search<'a> {
    pool: &'a PgPool,
    filter: &'a SearchFilter,
    language: &'a LanguageQuery,
    words: &'a WordQuery,
    terms: &'a [Term],
    kind: HitKind,
    after: Option<&'a HitKey>,
    limit: i64,
}

impl Search<'_> {
    async fn hits(&self) -> Result<Vec<Hit>, ReadError> {
        let TimeRange { from, to } = self.filter.range;
        let to = self.after.map_or(to, |after| to.min(after.at + TimeDelta::microseconds(1)));
        let mut hits = self.read(TimeRange { from, to }, false, self.limit).await?;
        if self.kind.time().is_none() {
            return Ok(hits);
        }
        let (mut end, mut days, mut left) = (to, 1, self.limit);
        while end > from && left > 0 {
            // texts that are older than the slices with days are few, or were common long ago
            let start = if days > 16 { from } else { from.max(end - TimeDelta::days(days)) };
            let found = self.read(TimeRange { from: start, to: end }, true, left).await?;
            left -= i64::try_from(found.len()).unwrap_or(left);
            hits.extend(found);
            (end, days) = (start, days * 4);
        }
        Ok(hits)
    }

    async fn read(&self, range: TimeRange, is_timed: bool, limit: i64) -> Result<Vec<Hit>, ReadError> {
        let Self { filter, language, words, kind, after, .. } = *self;
        let found = statement::of(filter, language, words, (kind, is_timed), range, after, limit);
        let mut query = found.bound();
        // planned for these values: how common the words are decides the plan
        let rows = query.build().persistent(false).fetch_all(self.pool).await;
        let hits = rows.and_then(|rows| rows.iter().map(|row| self.hit(row)).collect());
        hits.map_err(reading("the texts of a search"))
    }

    fn hit(&self, row: &PgRow) -> Result<Hit, sqlx::Error> {
        let item: String = row.try_get("item")?;
        let (session_id, at, position) = (row.try_get("session_id")?, row.try_get("at")?, row.try_get("position")?);
        Ok(Hit {
            kind: self.kind,
            session_id,
            page_link: links::page(session_id, at),
            api_link: links::api(self.kind, session_id, position),
            source: row.try_get("source")?,
            provider: row.try_get("provider")?,
            session_kind: row.try_get("session_kind")?,
            provider_session_id: row.try_get("provider_session_id")?,
            at,
            offset_seconds: row.try_get("offset_seconds")?,
            position,
            provider_message_id: (self.kind == HitKind::Message).then_some(item),
            sender_role: row.try_get("sender_role")?,
            participant_id: row.try_get("participant_id")?,
            speaker_id: row.try_get("found_speaker_id")?,
            speaker: row.try_get("found_label")?,
            excerpt: excerpt::of(row.try_get("body")?, row.try_get("marked")?, self.terms),
        })
    }
}
