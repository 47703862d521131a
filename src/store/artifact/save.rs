//! Saving an artifact: one transaction with the task that asked for it.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgPool};

use crate::failpoint;
use crate::model::id::ProviderRecordId;
use crate::model::message::Message;
use crate::model::page::{Oddity, Reject};
use crate::model::participant::Participant;
use crate::model::person::PersonKey;
use crate::model::quality::PeerReport;
use crate::model::transcript::{Summary, Transcript};
use crate::store::artifact::{Decision, Saved, Task, chat, participant, quality, speech};
use crate::store::raw::{self, RawRecord};
use crate::store::run::{self, Progress};
use crate::store::{Place, StoreError, oddity, reject, source, version};

/// Version of the rules that turn artifacts into rows. Raise it when a rule changes: what is fetched again is then
/// written anew.
const MAPPING_VERSION: u8 = 2;

/// What an artifact is saved for.
#[derive(Debug, Clone, Copy)]
pub struct SaveContext<'a> {
    /// The task in hand.
    pub task: &'a Task,
    /// The pass it belongs to.
    pub run_id: i64,
    /// Slug of the source: part of a person's pseudonym.
    pub source_slug: &'a str,
    /// Turns people into pseudonyms.
    pub person_key: &'a PersonKey,
    /// The present.
    pub now: DateTime<Utc>,
}

/// What was found.
#[derive(Debug, Clone, Copy)]
pub enum Found<'a> {
    /// All participants; `is_whole` where the provider's count is met, so that those not among them are gone.
    Participants {
        /// They.
        list: &'a [Participant],
        /// Nobody is missing.
        is_whole: bool,
    },
    /// The chat.
    Chat(&'a [Message]),
    /// The transcript.
    Transcript(&'a Transcript),
    /// The summary.
    Summary(&'a Summary),
    /// Some participants' reports.
    Quality(&'a [PeerReport]),
}

/// An artifact with all that came along.
#[derive(Debug, Clone, Copy)]
pub struct Content<'a> {
    /// What was found.
    pub found: Found<'a>,
    /// The file as received, where it is one.
    pub raw: Option<&'a [u8]>,
    /// Records in it that could not be normalized.
    pub rejects: &'a [Reject],
    /// What was unexpected.
    pub oddities: &'a [Oddity],
    /// What was learnt about the source.
    pub facts: &'a BTreeMap<&'static str, String>,
}

/// Saves what was found and what becomes of the task.
pub async fn save(
    pool: &PgPool,
    context: &SaveContext<'_>,
    content: &Content<'_>,
    decision: &Decision,
) -> Result<Saved, StoreError> {
    let SaveContext { task, run_id, now, .. } = *context;
    let failed = StoreError::doing("saving an artifact");
    let mut tx = pool.begin().await.map_err(&failed)?;
    if !guard(&mut tx, task).await? {
        return Ok(Saved::ClaimLost);
    }
    let hash = content.hash(task);
    // reports come in parts, so there is no whole to compare
    let is_unchanged = !matches!(content.found, Found::Quality(_)) && task.content_hash.as_deref() == Some(&hash[..]);
    let mut progress = Progress::default();
    if is_unchanged {
        progress.unchanged_count = 1;
    } else {
        write(&mut tx, context, content).await?;
        let count = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
        progress.record_count = count(content.len() + content.rejects.len());
        progress.rejected_count = count(content.rejects.len());
        if task.content_hash.is_none() { progress.inserted_count = 1 } else { progress.updated_count = 1 }
    }
    source::learn(&mut tx, task.source_id, content.facts, now).await?;
    keep(&mut tx, task, decision, (!is_unchanged).then_some(&hash[..]), now).await?;
    run::advance(&mut tx, run_id, &progress, now).await?;
    version::raise(&mut tx, Place { source_id: task.source_id, stream: task.stream }).await?;
    failpoint::reach("artifact.before_commit");
    tx.commit().await.map_err(&failed)?;
    failpoint::reach("artifact.after_commit");
    Ok(if is_unchanged { Saved::Unchanged } else { Saved::Written })
}

/// Keeps what becomes of a task that brought nothing.
pub async fn settle(pool: &PgPool, context: &SaveContext<'_>, decision: &Decision) -> Result<Saved, StoreError> {
    let failed = StoreError::doing("settling a task");
    let mut tx = pool.begin().await.map_err(&failed)?;
    if !guard(&mut tx, context.task).await? {
        return Ok(Saved::ClaimLost);
    }
    keep(&mut tx, context.task, decision, None, context.now).await?;
    run::advance(&mut tx, context.run_id, &Progress::default(), context.now).await?;
    version::raise(&mut tx, Place { source_id: context.task.source_id, stream: context.task.stream }).await?;
    tx.commit().await.map_err(&failed)?;
    Ok(Saved::Unchanged)
}

/// Keeps what becomes of a task whose content the database refused; its bytes stay as rejects.
pub async fn settle_refused(
    pool: &PgPool,
    context: &SaveContext<'_>,
    bodies: &[(Option<&ProviderRecordId>, &[u8])],
    decision: &Decision,
) -> Result<Saved, StoreError> {
    let failed = StoreError::doing("keeping a refused artifact");
    let SaveContext { task, run_id, now, .. } = *context;
    let mut tx = pool.begin().await.map_err(&failed)?;
    if !guard(&mut tx, task).await? {
        return Ok(Saved::ClaimLost);
    }
    let place = Place { source_id: task.source_id, stream: task.stream };
    let refused = |(id, body): &(Option<&ProviderRecordId>, &[u8])| Reject {
        raw: body.to_vec(),
        provider_record_id: id.cloned(),
        reason_code: "refused_by_database",
        json_pointer: String::new(),
        detail: "a value of this artifact does not fit the database".to_owned(),
        is_partial: false,
    };
    let rejects: Vec<Reject> = bodies.iter().map(refused).collect();
    let session = task.session.provider_session_id.as_str();
    reject::insert(&mut tx, place, Some(session), &rejects, run_id, now).await?;
    keep(&mut tx, task, decision, None, now).await?;
    let rejected_count = i64::try_from(rejects.len()).unwrap_or(i64::MAX);
    run::advance(&mut tx, run_id, &Progress { rejected_count, ..Progress::default() }, now).await?;
    version::raise(&mut tx, place).await?;
    tx.commit().await.map_err(&failed)?;
    Ok(Saved::Written)
}

/// Whether the task is still ours; locks it for the rest of the transaction.
async fn guard(tx: &mut PgConnection, task: &Task) -> Result<bool, StoreError> {
    let held = sqlx::query_scalar!(
        r#"select 1 as "one!" from ingest.artifact_tasks
            where source_id = $1 and session_id = $2 and stream = $3 and claim_token = $4
              for no key update"#,
        task.source_id.0,
        task.session_id,
        task.stream.as_str(),
        task.token,
    )
    .fetch_optional(tx)
    .await
    .map_err(StoreError::doing("comparing a claim"))?;
    Ok(held.is_some())
}

async fn write(tx: &mut PgConnection, context: &SaveContext<'_>, content: &Content<'_>) -> Result<(), StoreError> {
    let SaveContext { task, run_id, now, .. } = *context;
    let place = Place { source_id: task.source_id, stream: task.stream };
    let session = task.session.provider_session_id.as_str();
    let raw_records = content.raw_records(task);
    raw::insert(tx, place, Some(session), &raw_records, run_id, now).await?;
    failpoint::reach("artifact.after_raw");
    if let Found::Participants { is_whole: true, .. } = content.found {
        let listed: Vec<&str> = raw_records.iter().map(|record| &*record.id).collect();
        raw::mark_gone(tx, place, session, &listed, now).await?;
    }
    write_rows(tx, context, content.found).await?;
    reject::insert(tx, place, Some(session), content.rejects, run_id, now).await?;
    if !matches!(content.found, Found::Quality(_)) {
        reject::resolve_of_session(tx, place, session, content.rejects, now).await?;
    }
    oddity::count(tx, place, content.oddities, now).await
}

/// Makes the session's rows equal to what was found.
pub(super) async fn write_rows(
    tx: &mut PgConnection,
    context: &SaveContext<'_>,
    found: Found<'_>,
) -> Result<(), StoreError> {
    let SaveContext { task, now, .. } = *context;
    match found {
        Found::Participants { list, is_whole } => participant::replace(tx, context, list, is_whole).await,
        Found::Chat(messages) => chat::replace(tx, task, messages).await,
        Found::Transcript(transcript) => speech::replace_transcript(tx, context, transcript).await,
        Found::Summary(summary) => speech::replace_summary(tx, task, summary, now).await,
        Found::Quality(reports) => quality::upsert(tx, task, reports, now).await.map(drop),
    }
}

async fn keep(
    tx: &mut PgConnection,
    task: &Task,
    decision: &Decision,
    fresh_hash: Option<&[u8]>,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "update ingest.artifact_tasks
            set state = $4, reason = $6, detail = $7,
                -- a session that ended meanwhile has made its task due anew: that stays
                next_try_at = case when ended_at is distinct from $10 then next_try_at else $5 end,
                settled_at = case when ended_at is not distinct from $10 and $5::timestamptz is null
                                  then $9::timestamptz end,
                content_at = case when $8::bytea is null then content_at else $9 end,
                content_hash = coalesce($8, content_hash), claim_token = null, claimed_until = null
          where source_id = $1 and session_id = $2 and stream = $3",
        task.source_id.0,
        task.session_id,
        task.stream.as_str(),
        decision.state.as_str(),
        decision.next_try_at,
        decision.reason,
        decision.detail,
        fresh_hash,
        now,
        task.session.ended_at,
    )
    .execute(tx)
    .await
    .map_err(StoreError::doing("settling a task"))?;
    Ok(())
}

impl Content<'_> {
    fn len(&self) -> usize {
        match self.found {
            Found::Participants { list, .. } => list.len(),
            Found::Chat(messages) => messages.len(),
            Found::Transcript(transcript) => transcript.segments.len(),
            Found::Summary(_) => 1,
            Found::Quality(reports) => reports.len(),
        }
    }

    /// The bytes, and what else decides what is stored: the session's times, that offsets and ends hang on.
    pub(super) fn hash(&self, task: &Task) -> raw::Hash {
        let times = [Some(task.session.started_at), task.session.ended_at];
        let times = times.map(|at| at.map_or(i64::MIN, |at| at.timestamp_micros()).to_be_bytes());
        let is_whole = u8::from(matches!(self.found, Found::Participants { is_whole: true, .. }));
        let version = [MAPPING_VERSION, is_whole];
        let mut parts: Vec<&[u8]> = vec![&version, &times[0], &times[1]];
        parts.extend(self.raw);
        if let Found::Participants { list, .. } = self.found {
            let mut records: Vec<&[u8]> = list.iter().map(|participant| &participant.raw[..]).collect();
            records.sort_unstable();
            parts.extend(records);
        }
        parts.extend(self.rejects.iter().map(|reject| &reject.raw[..]));
        raw::hash(&parts)
    }

    fn raw_records<'a>(&'a self, task: &'a Task) -> Vec<RawRecord<'a>> {
        let session = task.session.provider_session_id.as_str();
        let of = |id: &str, body: &'a [u8]| RawRecord {
            id: format!("{session}/{id}").into(),
            body,
            hash: raw::hash(&[body]),
            is_partial: false,
        };
        let mut records: Vec<RawRecord<'a>> = match self.found {
            Found::Participants { list, .. } => {
                list.iter().map(|one| of(one.provider_participant_id.as_str(), &one.raw)).collect()
            }
            Found::Quality(reports) => {
                reports.iter().map(|one| of(one.provider_participant_id.as_str(), &one.raw)).collect()
            }
            _ => Vec::new(),
        };
        records.extend(self.raw.map(|body| RawRecord {
            id: session.into(),
            body,
            hash: raw::hash(&[body]),
            is_partial: false,
        }));
        records
    }
}
