//! The summary of one session, in the provider's words.
//!
//! The text is personal data and lives in `analytics_pii`.

use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::PgPool;
use utoipa::ToSchema;

use crate::query::availability::Parts;
use crate::query::{ReadError, reading};

/// Summary of a session.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Summary {
    /// `markdown` or `text`.
    pub format: String,
    /// The text. Personal.
    pub body: String,
    /// Words of the text.
    pub word_count: i32,
    /// Time at which it was fetched.
    pub fetched_at: DateTime<Utc>,
}

/// Returns the summary of a session; `None`: none is stored.
pub async fn find(pool: &PgPool, of: &Parts) -> Result<Option<Summary>, ReadError> {
    sqlx::query_as!(
        Summary,
        r#"
        select m.format as "format!", text.body as "body!", m.word_count as "word_count!", m.fetched_at as "fetched_at!"
          from analytics.session_summaries m
          join analytics_pii.session_summaries text using (source_id, session_id)
         where m.source_id = $1 and m.session_id = $2
        "#,
        of.source_id,
        of.session_id
    )
    .fetch_optional(pool)
    .await
    .map_err(reading("a summary"))
}
