//! Problems of webhooks. They do not say what a right request would be.

use axum::http::StatusCode;

use super::text::ProblemText;
use crate::connector::hooks::HookFault;

/// The reason why a webhook was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HookProblem {
    /// The provider's rules refuse it.
    Refused(HookFault),
    /// It reports something that is too long ago, or in the future.
    Stale,
    /// The same webhook came before.
    Replayed,
}

impl HookProblem {
    pub(super) fn text(self) -> ProblemText {
        let text = |status, code, title, detail: String| ProblemText::new(status, code, title, detail);
        let unprocessable = StatusCode::UNPROCESSABLE_ENTITY;
        match self {
            Self::Refused(fault @ (HookFault::Unsigned | HookFault::Forged)) => text(
                StatusCode::UNAUTHORIZED,
                "webhook_not_verified",
                "The webhook is not verified",
                format!("Nothing was done: {fault}."),
            )
            .authenticate("Signature realm=\"tributary\"".to_owned()),
            Self::Refused(fault) => text(
                unprocessable,
                "webhook_not_followed",
                "The webhook cannot be followed",
                format!("Nothing was done: {fault}."),
            ),
            Self::Stale => text(
                unprocessable,
                "webhook_stale",
                "The webhook is stale",
                "Nothing was done: what it reports is more than 7 days ago, or more than an hour ahead.".to_owned(),
            ),
            Self::Replayed => text(
                StatusCode::CONFLICT,
                "webhook_replayed",
                "The webhook came before",
                "Nothing was done: the same body was received before.".to_owned(),
            ),
        }
    }
}
