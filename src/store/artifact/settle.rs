//! The tasks of a batch: locks those whose claims hold, and stores the decisions about them.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

use crate::model::id::SourceId;
use crate::model::page::Reject;
use crate::model::stream::Stream;
use crate::store::StoreError;
use crate::store::artifact::content::SaveContext;
use crate::store::artifact::task::{ClaimKey, TaskDecision};
use crate::store::reject;

/// The decision about one task.
pub(super) struct Settled<'a> {
    pub(super) context: SaveContext<'a>,
    pub(super) decision: &'a TaskDecision,
    /// Result of the try, for programs.
    pub(super) reason: Option<&'a str>,
    /// The hash of the stored content, where that is new.
    pub(super) fresh_hash: Option<&'a [u8]>,
}

impl Settled<'_> {
    /// Whether the session changed: new content, another state, or its end. Tries that change nothing are no facts.
    pub(super) fn has_changed(&self) -> bool {
        let is_settled = self.decision.next_try_at.is_none();
        self.fresh_hash.is_some() || self.decision.state != self.context.task.state || is_settled
    }
}

/// The stored content of a task: its hash, and when it was stored.
pub(super) type StoredContent = (Option<Vec<u8>>, Option<DateTime<Utc>>);

/// Returns the stored content of each task whose claim holds. Their rows are locked for the rest of the
/// transaction, in the order of their key; so is the task of a transcript whose speakers the participants may name.
pub(super) async fn hold(
    tx: &mut PgConnection,
    source_id: SourceId,
    contexts: &[SaveContext<'_>],
) -> Result<HashMap<ClaimKey, StoredContent>, StoreError> {
    let rows = sqlx::query!(
        r#"select t.session_id, t.stream, t.content_hash,
                  t.content_at as "content_at: DateTime<Utc>",
                  (t.stream = held.stream and t.claim_token = held.token) is true as "is_held!"
           from unnest($2::bigint[], $3::text[], $4::uuid[]) held(session_id, stream, token)
           join ingest.artifact_tasks t on t.session_id = held.session_id
                                       and (t.stream = held.stream
                                            or (held.stream = 'participants' and t.stream = 'transcript'))
          where t.source_id = $1 and t.session_id = any($2)
          order by t.session_id, t.stream
            for no key update of t"#,
        source_id.0,
        &contexts.iter().map(|one| one.task.session_id).collect::<Vec<_>>(),
        &contexts.iter().map(|one| one.task.stream.as_str()).collect::<Vec<_>>() as &[&str],
        &contexts.iter().map(|one| one.task.token).collect::<Vec<_>>(),
    )
    .fetch_all(tx)
    .await
    .map_err(StoreError::doing("comparing claims"))?;
    let keys: HashMap<(i64, Stream), ClaimKey> =
        contexts.iter().map(|one| ((one.task.session_id, one.task.stream), one.task.key())).collect();
    let held = rows.into_iter().filter(|row| row.is_held).filter_map(|row| {
        let key = keys.get(&(row.session_id, Stream::parse(&row.stream)?))?;
        Some((*key, (row.content_hash, row.content_at)))
    });
    Ok(held.collect())
}

/// Stores the decisions about tasks whose claims hold.
pub(super) async fn settle(
    tx: &mut PgConnection,
    source_id: SourceId,
    tasks: &[Settled<'_>],
) -> Result<(), StoreError> {
    if tasks.is_empty() {
        return Ok(());
    }
    let ends: Vec<Option<DateTime<Utc>>> = tasks.iter().map(|one| one.context.task.session.ended_at).collect();
    sqlx::query_file!(
        "src/store/artifact/settle.sql",
        &vec![source_id.0; tasks.len()],
        &tasks.iter().map(|one| one.context.task.session_id).collect::<Vec<_>>(),
        &tasks.iter().map(|one| one.context.task.stream.as_str()).collect::<Vec<_>>() as &[&str],
        &tasks.iter().map(|one| one.decision.state.as_str()).collect::<Vec<_>>() as &[&str],
        &tasks.iter().map(|one| one.decision.next_try_at).collect::<Vec<_>>() as &[Option<DateTime<Utc>>],
        &tasks.iter().map(|one| one.reason).collect::<Vec<_>>() as &[Option<&str>],
        &tasks.iter().map(|one| one.decision.detail.as_deref()).collect::<Vec<_>>() as &[Option<&str>],
        &tasks.iter().map(|one| one.fresh_hash).collect::<Vec<_>>() as &[Option<&[u8]>],
        &tasks.iter().map(|one| one.context.now).collect::<Vec<_>>(),
        &ends as &[Option<DateTime<Utc>>],
        &tasks.iter().map(|one| one.decision.owed.since).collect::<Vec<_>>() as &[Option<DateTime<Utc>>],
        &tasks.iter().map(|one| one.decision.owed.agreed_since).collect::<Vec<_>>() as &[Option<DateTime<Utc>>],
        &tasks.iter().map(|one| one.decision.owed.tries).collect::<Vec<_>>(),
    )
    .execute(tx)
    .await
    .map_err(StoreError::doing("settling tasks"))?;
    Ok(())
}

/// Closes the open rejects of artifacts that were received again, except those that were rejected again.
pub(super) async fn resolve_rejects(
    tx: &mut PgConnection,
    source_id: SourceId,
    came: &[(SaveContext<'_>, &[Reject])],
) -> Result<(), StoreError> {
    let Some(now) = came.iter().map(|(context, _)| context.now).max() else { return Ok(()) };
    let session = |context: &SaveContext<'_>| context.task.session.provider_session_id.to_string();
    let hashes = |(context, rejects): &(SaveContext<'_>, &[Reject])| -> Vec<Vec<u8>> {
        rejects.iter().map(|one| reject::hash(Some(&session(context)), one)).collect()
    };
    let still: Vec<Vec<u8>> = came.iter().flat_map(hashes).collect();
    sqlx::query!(
        "update ingest.rejects r set resolved_at = $5, resolution = 'came_again'
           from unnest($1::int[], $2::text[], $3::text[]) came(source_id, stream, session)
          where r.source_id = came.source_id and r.stream = came.stream and r.provider_session_id = came.session
            and r.resolved_at is null and r.content_hash <> all($4)",
        &vec![source_id.0; came.len()],
        &came.iter().map(|(context, _)| context.task.stream.as_str()).collect::<Vec<_>>() as &[&str],
        &came.iter().map(|(context, _)| session(context)).collect::<Vec<_>>(),
        &still,
        now,
    )
    .execute(tx)
    .await
    .map_err(StoreError::doing("closing rejects"))?;
    Ok(())
}
