//! Status and texts of a problem, and those of a database that fails.
//!
//! The remedy differs: a query that takes too long can be made smaller, an unavailable database comes back. The
//! driver's own message goes to the log only.

use axum::http::StatusCode;

use crate::db::DatabaseTrouble;
use crate::query::ReadError;
use crate::store::StoreError;

/// Code of a query that takes too long.
pub(crate) const TOO_EXPENSIVE: &str = "query_too_expensive";

/// The messages and the status of an error.
pub(super) struct ProblemText {
    pub(super) status: StatusCode,
    pub(super) code: &'static str,
    pub(super) title: &'static str,
    /// For the caller.
    pub(super) detail: String,
    /// For the log.
    pub(super) log: Option<String>,
    pub(super) retry_after_seconds: Option<u32>,
    /// `WWW-Authenticate`.
    pub(super) authenticate: Option<String>,
}

impl ProblemText {
    pub(super) fn new(status: StatusCode, code: &'static str, title: &'static str, detail: impl Into<String>) -> Self {
        Self { status, code, title, detail: detail.into(), log: None, retry_after_seconds: None, authenticate: None }
    }

    pub(super) fn log(self, log: String) -> Self {
        Self { log: Some(log), ..self }
    }

    pub(super) fn authenticate(self, challenge: String) -> Self {
        Self { authenticate: Some(challenge), ..self }
    }

    pub(super) fn retry_after(self, seconds: u32) -> Self {
        Self { retry_after_seconds: Some(seconds), ..self }
    }

    /// The text of a fault of this program.
    pub(super) fn internal() -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal_error",
            "Internal error",
            "The request was valid; the log states the cause under the id in `instance`.",
        )
    }

    fn unavailable(trouble: Option<DatabaseTrouble>, detail: &str) -> Self {
        let (title, reason) = match trouble {
            // a pool cannot distinguish the two: it tries to connect until its timeout
            None | Some(DatabaseTrouble::Slow) => {
                ("The database does not respond in time", "It is unavailable, or too many queries run at once.")
            }
            Some(trouble) => ("The database is unavailable", trouble.sentence()),
        };
        let detail = format!("{reason} {detail} Retry in a moment.");
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "database_unavailable", title, detail).retry_after(5)
    }

    /// The text of data that could not be read.
    pub(super) fn of_reading(error: &ReadError) -> Self {
        let (what, source) = match error {
            ReadError::Database { what, source } => (what, source),
            ReadError::TooManyRows { .. } => {
                let detail = format!("{error}. Request a shorter range, a coarser granularity or fewer dimensions.");
                let title = "The response would be too large";
                return Self::new(StatusCode::UNPROCESSABLE_ENTITY, "answer_too_large", title, detail);
            }
        };
        let log = format!("could not read {what}: {source}");
        let sqlstate = source.as_database_error().and_then(sqlx::error::DatabaseError::code);
        match sqlstate.as_deref() {
            Some("57014") => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                TOO_EXPENSIVE,
                "The query takes too long",
                "Request a shorter range, a coarser granularity or fewer dimensions.",
            )
            .log(log),
            Some(code) if !is_outage(code) => Self::internal().log(log),
            None if matches!(source, sqlx::Error::Decode(_) | sqlx::Error::ColumnDecode { .. }) => {
                Self::internal().log(log)
            }
            _ => Self::unavailable(DatabaseTrouble::of(source), "The request was valid.").log(log),
        }
    }

    /// The text of a command that could not be stored. It is stored before it starts anything, so nothing was started.
    pub(super) fn of_writing(error: &StoreError) -> Self {
        let trouble = DatabaseTrouble::of(error);
        let is_outage = trouble.is_some() || error.is_transient();
        let text = if is_outage { Self::unavailable(trouble, "Nothing was started.") } else { Self::internal() };
        text.log(error.cause())
    }
}

/// Returns whether the error is an outage: lost connections, too many of them, a server that stops or starts, a
/// standby that takes over, a missing database or one that refuses the login.
fn is_outage(sqlstate: &str) -> bool {
    ["08", "28", "3D", "53", "57P", "58", "55000"].iter().any(|class| sqlstate.starts_with(class))
}
