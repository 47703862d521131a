//! Saving of artifacts: many tries in one transaction, together with their tasks.
//!
//! A try whose claim is lost is left out. Where the database refuses a value, nothing is saved, and the caller saves
//! the tries one by one, so that one bad artifact never costs another.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgPool};

use crate::failpoint;
use crate::model::artifact::{Artifact, ArtifactPage, ArtifactState};
use crate::model::id::SourceId;
use crate::model::message::SessionStats;
use crate::model::page::Reject;
use crate::model::stream::Stream;
use crate::model::verdict::SCHEMA_DRIFT;
use crate::store::artifact::content::{self, Member, Records, SaveContext};
use crate::store::artifact::journal::{self, PassProgress};
use crate::store::artifact::participant::{self, ParticipantList};
use crate::store::artifact::settle::{self, Settled};
use crate::store::artifact::task::{ClaimKey, Task, TaskDecision};
use crate::store::artifact::{quality, speaker, transcript};
use crate::store::data_version::{self, Changed};
use crate::store::erasure::redact::redact;
use crate::store::erasure::tombstone::{self, Erased};
use crate::store::raw::Hash;
use crate::store::run::Progress;
use crate::store::{StoreError, StreamKey, drift, message, reject, source};

/// Start of a save's transaction. What a server crash loses is fetched again: an artifact and the state of its task
/// are lost together. All statements look up by key; without statistics, the planner might scan tables.
const BEGIN: &str = "begin; set local synchronous_commit = off; set local jit = off; set local enable_seqscan = off; \
                     set local enable_hashjoin = off; set local enable_mergejoin = off";

/// Result of saving.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Saved {
    /// The content was stored.
    Written,
    /// The same bytes were already stored.
    Unchanged,
    /// Another worker has the task now; nothing was written.
    ClaimLost,
}

/// Result of saving one try, and what it adds to its pass.
pub type SaveOutcome = (Saved, Progress);

/// A try whose claim holds.
struct Held<'a> {
    member: &'a Member<'a>,
    /// The context with the current task: a replay may have stored something since it was claimed.
    context: SaveContext<'a>,
    /// The content to store, where it differs from the stored one.
    fresh: Option<(&'a ArtifactPage, Hash)>,
    /// Whether the stored content stays, because the found one lacks a usual field.
    is_protected: bool,
    outcome: SaveOutcome,
}

/// Saves tries of one source: the content of each and the decision about its task. `passes` is the progress that
/// earlier saves added to their passes. Returns the results in the order of `members`.
pub async fn save_all(
    pool: &PgPool,
    members: &[Member<'_>],
    passes: &[PassProgress],
) -> Result<Vec<SaveOutcome>, StoreError> {
    let failed = StoreError::doing("saving artifacts");
    let Some(first) = members.first() else { return Ok(Vec::new()) };
    let source_id = first.context.task.source_id;
    let mut tx = pool.begin_with(BEGIN).await.map_err(&failed)?;
    let contexts: Vec<SaveContext<'_>> = members.iter().map(|member| member.context).collect();
    let stored = settle::hold(&mut tx, source_id, &contexts).await?;
    let as_stored = |task: &Task| {
        let (hash, at) = stored.get(&task.key())?;
        Some((Task { content_hash: hash.clone(), ..task.clone() }, *at))
    };
    let tasks: Vec<Option<(Task, _)>> = members.iter().map(|member| as_stored(member.context.task)).collect();
    let longest = content::longest_files(&mut tx, source_id, members).await?;
    let held: Vec<Option<Held<'_>>> =
        members.iter().zip(&tasks).map(|(member, task)| Some(compare(member, task.as_ref()?, &longest))).collect();
    let ours: Vec<&Held<'_>> = held.iter().flatten().collect();
    let fresh: Vec<(SaveContext<'_>, &ArtifactPage)> =
        ours.iter().filter_map(|one| Some((one.context, one.fresh?.0))).collect();
    let people = write(&mut tx, source_id, &fresh).await?;
    learn(&mut tx, source_id, &ours).await?;
    let settled: Vec<Settled<'_>> = ours.iter().map(|one| one.settled()).collect();
    settle::settle(&mut tx, source_id, &settled).await?;
    journal::advance(&mut tx, passes, first.context.now).await?;
    let streams: BTreeSet<Stream> = ours.iter().map(|one| one.context.task.stream).collect();
    let numbers = settled.iter().filter(|one| one.has_changed()).map(|one| one.context.task.session_id).collect();
    data_version::raise_each(&mut tx, source_id, &streams, &Changed { numbers, people, ..Changed::nothing() }).await?;
    failpoint::reach("artifact.before_commit");
    tx.commit().await.map_err(&failed)?;
    failpoint::reach("artifact.after_commit");
    for one in held.iter().flatten().filter(|one| one.is_news()) {
        one.context.fields.count(one.member.content.into_iter().flat_map(ArtifactPage::presences));
    }
    let lost = (Saved::ClaimLost, Progress::default());
    Ok(held.into_iter().map(|one| one.map_or(lost, |one| one.outcome)).collect())
}

/// Compares the found content with the stored one, by hash.
fn compare<'a>(
    member: &'a Member<'a>,
    (task, stored_at): &'a (Task, Option<DateTime<Utc>>),
    longest: &HashMap<ClaimKey, usize>,
) -> Held<'a> {
    let context = SaveContext { task, ..member.context };
    let held = |fresh, outcome| Held { member, context, fresh, is_protected: false, outcome };
    let Some(content) = member.content else { return held(None, (Saved::Unchanged, Progress::default())) };
    let hash = content::hash(content, task);
    let stored = task.content_hash.as_deref();
    // reports arrive in parts, so there is no whole to compare
    if task.stream != Stream::Quality && stored == Some(&hash[..]) {
        return held(None, (Saved::Unchanged, UNCHANGED));
    }
    if task.state == ArtifactState::Available && context.fields.protects(*stored_at, &content.fields) {
        return Held { is_protected: true, ..held(None, (Saved::Unchanged, UNCHANGED)) };
    }
    let length = content.raw.as_ref().map_or(0, Vec::len);
    if content.is_end_open && longest.get(&task.key()).is_some_and(|longest| length < *longest) {
        return held(None, (Saved::Unchanged, UNCHANGED));
    }
    let count = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
    let progress = Progress {
        record_count: count(content.artifact.len() + content.rejects.len()),
        rejected_count: count(content.rejects.len()),
        inserted_count: i64::from(stored.is_none()),
        updated_count: i64::from(stored.is_some()),
        unchanged_count: 0,
    };
    held(Some((content, hash)), (Saved::Written, progress))
}

/// What an artifact adds that is stored unchanged.
const UNCHANGED: Progress =
    Progress { record_count: 0, inserted_count: 0, updated_count: 0, unchanged_count: 1, rejected_count: 0 };

impl Held<'_> {
    /// Whether the content is new or changed.
    fn is_news(&self) -> bool {
        self.fresh.is_some() || self.is_protected
    }

    fn settled(&self) -> Settled<'_> {
        Settled {
            context: self.context,
            decision: self.member.decision,
            reason: if self.is_protected { Some(SCHEMA_DRIFT) } else { self.member.decision.reason.as_deref() },
            fresh_hash: self.fresh.as_ref().map(|(_, hash)| &hash[..]),
        }
    }
}

/// Stores the facts about the source learnt from the answers.
async fn learn(tx: &mut PgConnection, source_id: SourceId, held: &[&Held<'_>]) -> Result<(), StoreError> {
    let mut facts = BTreeMap::new();
    let mut now = None;
    for one in held {
        if let Some(content) = one.member.content {
            facts.extend(content.facts.iter().map(|(name, value)| (*name, value.clone())));
            now = now.max(Some(one.context.now));
        }
    }
    match now {
        Some(now) if !facts.is_empty() => source::learn(tx, source_id, &facts, now).await,
        _ => Ok(()),
    }
}

/// Stores found content; returns the people whose first visit is another one now.
async fn write(
    tx: &mut PgConnection,
    source_id: SourceId,
    fresh: &[(SaveContext<'_>, &ArtifactPage)],
) -> Result<Vec<String>, StoreError> {
    if fresh.is_empty() {
        return Ok(Vec::new());
    }
    let records: Vec<Records<'_>> = fresh.iter().map(Records::of).collect();
    content::keep_records(tx, source_id, &records).await?;
    failpoint::reach("artifact.after_raw");
    content::mark_gone(tx, source_id, &records).await?;
    drop(records);
    for (context, content) in fresh.iter().filter(|(_, content)| !content.rejects.is_empty()) {
        let stream_key = StreamKey { source_id, stream: context.task.stream };
        let session = context.task.session.provider_session_id.as_str();
        reject::insert(tx, stream_key, Some(session), &content.rejects, context.run_id, context.now).await?;
    }
    // reports arrive in parts, so a part replaces no earlier reject
    let replaced = fresh.iter().filter(|(context, _)| context.task.stream != Stream::Quality);
    let came: Vec<(SaveContext<'_>, &[Reject])> =
        replaced.map(|(context, content)| (*context, &content.rejects[..])).collect();
    settle::resolve_rejects(tx, source_id, &came).await?;
    let people = write_rows(tx, source_id, fresh).await?;
    for stream in Stream::PER_SESSION {
        let of_stream = || fresh.iter().filter(|(context, _)| context.task.stream == stream);
        if let Some(now) = of_stream().map(|(context, _)| context.now).max() {
            let drift = of_stream().flat_map(|(_, content)| &content.drift);
            drift::count(tx, StreamKey { source_id, stream }, drift, now).await?;
        }
    }
    Ok(people)
}

/// Replaces the sessions' rows with the found content, except of erased people; returns the people whose first visit is
/// another one now. Records and rejects are written before, so that these are erased too.
pub(super) async fn write_rows(
    tx: &mut PgConnection,
    source_id: SourceId,
    found: &[(SaveContext<'_>, &ArtifactPage)],
) -> Result<Vec<String>, StoreError> {
    let (mut lists, mut chats, mut earlier_chats, mut transcripts) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let (mut summaries, mut reports) = (Vec::new(), Vec::new());
    for (context, content) in found {
        match &content.artifact {
            Artifact::Participants(list) => lists.push(ParticipantList::new(*context, list, content.is_whole_list)),
            Artifact::Chat(messages) => {
                let session_id = context.task.session_id;
                chats.push((session_id, &messages[..]));
                earlier_chats.extend(context.task.has_content().then_some(session_id));
            }
            Artifact::Transcript(transcript) => transcripts.push((*context, transcript)),
            Artifact::Summary(summary) => summaries.push((*context, summary)),
            Artifact::Quality(list) => reports.push((*context, &list[..])),
        }
    }
    participant::fill_in(tx, source_id, &mut lists).await?;
    let people: Vec<String> = lists.iter().flat_map(ParticipantList::person_ids).collect();
    let erased = Erased::read(tx, source_id, &people).await?;
    if !erased.is_empty() {
        for list in &mut lists {
            list.without_erased(&erased);
        }
        let names: Vec<(String, i64)> = lists.iter().flat_map(|list| list.erased_names.iter().cloned()).collect();
        tombstone::insert(tx, source_id, &names).await?;
    }
    let people = participant::replace(tx, source_id, &lists).await?;
    speaker::name_again(tx, source_id, &lists.iter().map(|list| list.context).collect::<Vec<_>>()).await?;
    // the chat of a meeting has no two sides
    message::replace(tx, source_id, &chats, &earlier_chats, SessionStats::of_meeting).await?;
    let transcripts = speaker::named(tx, source_id, transcripts).await?;
    transcript::replace(tx, source_id, &transcripts).await?;
    transcript::replace_summaries(tx, source_id, &summaries).await?;
    quality::upsert(tx, source_id, &reports).await?;
    if let Some((context, _)) = found.first().filter(|_| erased.is_any) {
        let ids = found.iter().map(|(context, _)| context.task.session.provider_session_id.as_str());
        redact(tx, context.pseudonyms(), source_id, &ids.collect::<Vec<_>>(), context.now).await?;
    }
    Ok(people)
}

/// Stores the decision about a task whose content the database refused; its bytes are kept as rejects,
/// unless they name an erased person.
pub async fn settle_refused(
    pool: &PgPool,
    context: &SaveContext<'_>,
    content: Option<&ArtifactPage>,
    decision: &TaskDecision,
) -> Result<SaveOutcome, StoreError> {
    let failed = StoreError::doing("storing a refused artifact");
    let SaveContext { task, run_id, now, .. } = *context;
    let mut tx = pool.begin_with(BEGIN).await.map_err(&failed)?;
    if settle::hold(&mut tx, task.source_id, &[*context]).await?.is_empty() {
        return Ok((Saved::ClaimLost, Progress::default()));
    }
    let stream_key = StreamKey { source_id: task.source_id, stream: task.stream };
    let list = content.and_then(|content| match &content.artifact {
        Artifact::Participants(list) => Some(ParticipantList::new(*context, list, content.is_whole_list)),
        _ => None,
    });
    let people: Vec<String> = list.iter().flat_map(ParticipantList::person_ids).collect();
    let erased = Erased::read(&mut tx, task.source_id, &people).await?;
    // a refused list leaves no rows by which an erased person would be found in its bytes
    let bodies = content.filter(|_| erased.is_empty()).into_iter().flat_map(ArtifactPage::bodies);
    let rejects: Vec<Reject> = bodies.map(|(id, body)| reject::refused("artifact", body, id, false)).collect();
    let session = task.session.provider_session_id.as_str();
    reject::insert(&mut tx, stream_key, Some(session), &rejects, run_id, now).await?;
    if erased.is_any {
        redact(&mut tx, context.pseudonyms(), task.source_id, &[session], now).await?;
    }
    let settled = Settled { context: *context, decision, reason: decision.reason.as_deref(), fresh_hash: None };
    settle::settle(&mut tx, task.source_id, &[settled]).await?;
    data_version::raise(&mut tx, stream_key, &Changed::numbers(vec![task.session_id])).await?;
    tx.commit().await.map_err(&failed)?;
    let rejected_count = i64::try_from(rejects.len()).unwrap_or(i64::MAX);
    Ok((Saved::Written, Progress { rejected_count, ..Progress::default() }))
}
