//! Retry of one reject with the current code.
//!
//! A record that can now be read is saved like all records: an older one never overwrites a newer one. One that
//! cannot stays open, with the current reason. A row of a file is retried with its whole stored file.

use chrono::{DateTime, Utc};

use crate::connector::StoredBytes;
use crate::ingest::poller::{Poller, Source};
use crate::ingest::replay::artifacts::{self, Trouble};
use crate::model::artifact::{Artifact, ArtifactRequest, SessionRef};
use crate::model::page::{Page, Reject};
use crate::model::replay::ReplayOutcome;
use crate::model::stream::Stream;
use crate::store::StoreError;
use crate::store::artifact::rebuild::{self, Part, Rebuilt};
use crate::store::artifact::task::SessionStream;
use crate::store::field_presence::FieldBook;
use crate::store::page::{self, SaveContext};
use crate::store::reject::{self, REFUSED_BY_DATABASE, Resolution, StoredReject, refusal_of};
use crate::store::replay as kept;
use crate::store::write_guard::WriteGuard;

/// Rejects read at once.
const CHUNK: i64 = 100;

/// Retries all open rejects of a source, oldest first, and reports each result to `each`.
pub async fn all_rejects(
    poller: &Poller,
    source: &Source,
    mut each: impl FnMut(&StoredReject, &ReplayOutcome),
) -> Result<(), StoreError> {
    let mut after = 0;
    loop {
        let chunk = reject::open(&poller.pool, source.id, after, CHUNK).await?;
        let Some(last) = chunk.last() else { return Ok(()) };
        after = last.reject_id;
        for one in &chunk {
            if poller.stop.is_cancelled() {
                return Ok(());
            }
            each(one, &reject(poller, source, one).await?);
        }
    }
}

/// Retries one reject, and stores the result.
pub async fn reject(poller: &Poller, source: &Source, stored: &StoredReject) -> Result<ReplayOutcome, StoreError> {
    let now = poller.clock.now();
    let outcome = match stored.stream_key.stream {
        Stream::Sessions => session(poller, source, stored, now).await?,
        _ => part(poller, source, stored, now).await?,
    };
    let pool = &poller.pool;
    match &outcome {
        ReplayOutcome::Stored => reject::settle(pool, stored, Resolution::Stored, now).await?,
        ReplayOutcome::Unchanged => reject::settle(pool, stored, Resolution::Unchanged, now).await?,
        ReplayOutcome::Stale => reject::settle(pool, stored, Resolution::Stale, now).await?,
        ReplayOutcome::StillRejected(why) => reject::keep_open(pool, stored, why).await?,
    }
    Ok(outcome)
}

async fn session(
    poller: &Poller,
    source: &Source,
    stored: &StoredReject,
    now: DateTime<Utc>,
) -> Result<ReplayOutcome, StoreError> {
    let bytes = StoredBytes { bytes: &stored.body, now: stored.last_seen_at, is_partial: stored.is_partial };
    let record = match source.connector.read_record(bytes) {
        Ok(record) => record,
        Err(why) => return Ok(ReplayOutcome::StillRejected(why)),
    };
    let id = record.session.provider_session_id.clone();
    let streams: Vec<SessionStream> = source.queued_streams();
    let context = SaveContext {
        guard: &WriteGuard::Replay(stored.stream_key),
        run_id: stored.run_id,
        tally: None,
        source_slug: &source.pseudonym_slug,
        person_key: &poller.person_key,
        session_streams: &streams,
        fields: &FieldBook::default(),
        fetched_at: stored.last_seen_at,
        now,
    };
    let page = Page { records: vec![record], ..Page::default() };
    let saved = page::save(&poller.pool, &context, &page, None).await?;
    if saved.rejected_count > 0 {
        return Ok(ReplayOutcome::StillRejected(still(stored, REFUSED_BY_DATABASE, &refusal_of("record"))));
    }
    if saved.inserted_count + saved.updated_count > 0 {
        return Ok(ReplayOutcome::Stored);
    }
    let made_from = kept::made_from(&poller.pool, source.id, id.as_str()).await?;
    let is_same = made_from.is_some_and(|hash| hash == stored.content_hash);
    Ok(if is_same { ReplayOutcome::Unchanged } else { ReplayOutcome::Stale })
}

/// Retries a record or a row of a per-session stream.
async fn part(
    poller: &Poller,
    source: &Source,
    stored: &StoredReject,
    now: DateTime<Utc>,
) -> Result<ReplayOutcome, StoreError> {
    let open = |code: &'static str, detail: &str| Ok(ReplayOutcome::StillRejected(still(stored, code, detail)));
    let stream = stored.stream_key.stream;
    let Some(session) = stored.provider_session_id.as_deref() else {
        return open("no_session", "its session is unknown");
    };
    let Some(mut artifact) = rebuild::load(&poller.pool, source.id, stream, session, now).await? else {
        return open("no_session", "its session is not stored, or erased");
    };
    // a reject of the database is a whole record or file, and so is a participant; all others are rows of a stored
    // file
    let is_whole = stored.reason_code == REFUSED_BY_DATABASE || stream == Stream::Participants;
    let mut taken_in = None;
    if is_whole {
        let name = match name_of(source, stored, &artifact.task.session) {
            Ok(name) => name,
            Err(why) => return Ok(ReplayOutcome::StillRejected(*why)),
        };
        let at = stored.last_seen_at;
        let body = stored.body.clone();
        let part = Part {
            name,
            body,
            first_at: at,
            fetched_at: at,
            last_fetched_at: at,
            run_id: stored.run_id,
            is_gone: false,
            is_erased: false,
        };
        if !artifact.take_in(part.clone()) {
            return Ok(ReplayOutcome::Stale);
        }
        taken_in = Some(part);
    } else if artifact.parts.is_empty() {
        return open("file_not_kept", "the file that contains the row is not stored");
    }
    match artifacts::make(poller, source, artifact, taken_in.as_ref()).await {
        Ok(making) => match making.rejects.into_iter().find(|reject| !is_whole && reject.raw == stored.body) {
            Some(why) => Ok(ReplayOutcome::StillRejected(why)),
            None if making.rebuilt == Rebuilt::Overtaken => Ok(ReplayOutcome::Stale),
            None if making.rebuilt == Rebuilt::Unchanged => Ok(ReplayOutcome::Unchanged),
            None => Ok(ReplayOutcome::Stored),
        },
        Err(Trouble::Unreadable(error)) => open("unreadable_file", &error.to_string()),
        Err(Trouble::Store(error)) if error.is_data() => open(REFUSED_BY_DATABASE, &refusal_of("artifact")),
        Err(Trouble::Store(error)) => Err(error),
    }
}

/// Returns the name of a record within its session; a file has none.
fn name_of(source: &Source, stored: &StoredReject, session: &SessionRef) -> Result<String, Box<Reject>> {
    match stored.stream_key.stream {
        Stream::Participants => {
            let request = ArtifactRequest {
                session,
                participant: None,
                cursor: None,
                may_be_large: true,
                now: stored.last_seen_at,
            };
            let read = source.connector.read_artifact(Stream::Participants, &stored.body, request);
            let page = read.ok().flatten().ok_or_else(|| still(stored, "unreadable", "the record cannot be read"))?;
            if let Some(why) = page.rejects.into_iter().next() {
                return Err(Box::new(why));
            }
            match page.artifact {
                Artifact::Participants(list) if list.len() == 1 => Ok(list[0].provider_participant_id.to_string()),
                _ => Err(Box::new(still(stored, "unreadable", "the record is not a participant"))),
            }
        }
        Stream::Quality => {
            let name = stored.provider_record_id.clone();
            name.ok_or_else(|| Box::new(still(stored, "no_participant", "the participant of the report is unknown")))
        }
        _ => Ok(String::new()),
    }
}

fn still(stored: &StoredReject, reason_code: &'static str, detail: &str) -> Reject {
    Reject {
        raw: stored.body.clone(),
        provider_record_id: None,
        reason_code,
        json_pointer: String::new(),
        detail: detail.to_owned(),
        is_partial: stored.is_partial,
    }
}
