//! Titles of meetings. They are free text that may name people, so they live in `analytics_pii`; a caller without the
//! scope for content gets none.

use std::collections::BTreeMap;

use crate::query::range::TimeRange;
use crate::query::snapshot::Snapshot;
use crate::query::{ReadError, reading};

/// Returns the last title of each of these meetings, among sessions of these sources that began in the range.
pub async fn of_meetings(
    snapshot: &Snapshot,
    source_ids: &[i32],
    meeting_ids: &[String],
    range: TimeRange,
) -> Result<BTreeMap<String, String>, ReadError> {
    let mut transaction = snapshot.transaction().await;
    // joined without `offset 0`, the titles of all sessions would be read for each session found
    let rows = sqlx::query!(
        r#"select distinct on (s.meeting_id) s.meeting_id as "meeting_id!", c.meeting_title as "meeting_title!"
             from analytics.sessions s
            cross join lateral (
                  select t.meeting_title from analytics_pii.session_contacts t
                   where (t.source_id, t.session_id) = (s.source_id, s.session_id) and t.meeting_title is not null
                  offset 0) c
            where s.source_id = any($1) and s.meeting_id = any($2) and s.started_at >= $3 and s.started_at < $4
            order by s.meeting_id, s.started_at desc"#,
        source_ids,
        meeting_ids,
        range.from,
        range.to,
    )
    .fetch_all(&mut **transaction)
    .await
    .map_err(reading("the titles of meetings"))?;
    Ok(rows.into_iter().map(|row| (row.meeting_id, row.meeting_title)).collect())
}
