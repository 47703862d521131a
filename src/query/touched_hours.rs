//! The hours of sessions that changed since the hours were closed. All queries of a snapshot share them.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

use crate::query::{ReadError, reading};

/// Most sessions that may have changed since the hours were closed; with more, the sessions are read.
const MOST_CHANGED: i32 = 5_000;

/// Hours whose closed sums are outdated.
#[derive(Debug)]
pub(super) struct TouchedHours {
    /// By the start of the sessions.
    pub(super) of_start: BTreeSet<DateTime<Utc>>,
    /// By their completion.
    pub(super) of_completion: BTreeSet<DateTime<Utc>>,
}

impl TouchedHours {
    /// Reads them. `None`: no hours are closed, or too much changed since.
    pub(super) async fn read(connection: &mut PgConnection) -> Result<Option<Self>, ReadError> {
        let touched = sqlx::query!(
            r#"select t.of_start as "of_start!: Vec<DateTime<Utc>>",
                      t.of_completion as "of_completion!: Vec<DateTime<Utc>>"
                 from ingest.closed_hours_state c
                cross join lateral ingest.touched_hours(c.touched_since, $1::int + 1) t
                where c.complete_through <= now() and t.session_count <= $1::int"#,
            MOST_CHANGED,
        )
        .fetch_optional(connection)
        .await
        .map_err(reading("the closed hours"))?;
        Ok(touched.map(|touched| Self {
            of_start: touched.of_start.into_iter().collect(),
            of_completion: touched.of_completion.into_iter().collect(),
        }))
    }
}
