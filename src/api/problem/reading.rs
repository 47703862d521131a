//! What is said when data could not be read: whether the question, the database or this program is at fault.
//!
//! The way out differs: a question that takes too long can be asked smaller, a database that is away comes back. The
//! driver's own words go to the log alone.

use axum::http::StatusCode;

use super::{Told, internal, unavailable};
use crate::query::ReadError;

pub(super) fn told_of_reading(error: &ReadError) -> Told {
    let (what, source) = match error {
        ReadError::Database { what, source } => (what, source),
        ReadError::TooManyRows { .. } => {
            let detail = format!("{error}. Ask for a shorter range, a coarser granularity or fewer dimensions.");
            let title = "The answer would be too large";
            return Told::new(StatusCode::UNPROCESSABLE_ENTITY, "answer_too_large", title, detail);
        }
    };
    let log = format!("could not read {what}: {source}");
    let sqlstate = source.as_database_error().and_then(sqlx::error::DatabaseError::code);
    match sqlstate.as_deref() {
        Some("57014") => Told::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "query_too_expensive",
            "The question takes too long",
            "Ask for a shorter range, a coarser granularity or fewer dimensions.",
        )
        .log(log),
        Some(code) if !is_outage(code) => internal().log(log),
        None if matches!(source, sqlx::Error::Decode(_) | sqlx::Error::ColumnDecode { .. }) => internal().log(log),
        _ => unavailable("The question was fine.").log(log),
    }
}

/// Lost connections, too many of them, a server that stops or starts, a standby that takes over, a database
/// that is gone or lets nobody in.
fn is_outage(sqlstate: &str) -> bool {
    ["08", "28", "3D", "53", "57P", "58", "55000"].iter().any(|class| sqlstate.starts_with(class))
}
