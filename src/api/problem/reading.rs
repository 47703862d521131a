//! Problems of reading data: whether the query, the database or this program is at fault.
//!
//! The remedy differs: a query that takes too long can be made smaller, an unavailable database comes back. The
//! driver's own message goes to the log only.

use axum::http::StatusCode;

use super::{Told, internal, unavailable};
use crate::query::ReadError;

pub(super) fn told_of_reading(error: &ReadError) -> Told {
    let (what, source) = match error {
        ReadError::Database { what, source } => (what, source),
        ReadError::TooManyRows { .. } => {
            let detail = format!("{error}. Request a shorter range, a coarser granularity or fewer dimensions.");
            let title = "The response would be too large";
            return Told::new(StatusCode::UNPROCESSABLE_ENTITY, "answer_too_large", title, detail);
        }
    };
    let log = format!("could not read {what}: {source}");
    let sqlstate = source.as_database_error().and_then(sqlx::error::DatabaseError::code);
    match sqlstate.as_deref() {
        Some("57014") => Told::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "query_too_expensive",
            "The query takes too long",
            "Request a shorter range, a coarser granularity or fewer dimensions.",
        )
        .log(log),
        Some(code) if !is_outage(code) => internal().log(log),
        None if matches!(source, sqlx::Error::Decode(_) | sqlx::Error::ColumnDecode { .. }) => internal().log(log),
        _ => unavailable("The request was valid.").log(log),
    }
}

/// Returns whether the error is an outage: lost connections, too many of them, a server that stops or starts, a
/// standby that takes over, a missing database or one that refuses the login.
fn is_outage(sqlstate: &str) -> bool {
    ["08", "28", "3D", "53", "57P", "58", "55000"].iter().any(|class| sqlstate.starts_with(class))
}
