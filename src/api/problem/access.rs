//! Problems of callers: keys, scopes, hosts, budgets.
//!
//! A refused key is never quoted. What exists beyond a caller's limit is not told from what does not.

use axum::http::StatusCode;

use super::text::ProblemText;
use crate::api::access::budget::OverBudget;
use crate::model::api_key::Scope;

/// The reason why a caller was refused.
#[derive(Debug, Clone)]
pub enum AccessProblem {
    /// No key was given.
    NoKey,
    /// What was given is no key, or is unknown.
    UnusableKey,
    /// The key is of another environment.
    OtherEnvironment,
    /// The key is revoked or has expired.
    EndedKey {
        /// `revoked` or `expired`.
        state: &'static str,
    },
    /// The session of the page has ended.
    EndedSession,
    /// The key has none of the scopes.
    MissingScope {
        /// The scopes, one of which is needed.
        scopes: &'static [Scope],
    },
    /// None of the sources that the key is limited to exists any more.
    NoSourceLeft,
    /// The request concerns all sources, and the key is limited to some.
    NotLimited,
    /// A key may not give what it does not have itself.
    BeyondOwn {
        /// The scope.
        scope: &'static str,
    },
    /// Keys are managed with a key, or by the command line.
    NoKeysHere,
    /// The host is not one of this service.
    WrongHost,
    /// The budget is spent.
    OverBudget(OverBudget),
}

impl From<OverBudget> for AccessProblem {
    fn from(over: OverBudget) -> Self {
        Self::OverBudget(over)
    }
}

impl AccessProblem {
    pub(super) fn text(&self) -> ProblemText {
        let forbidden = |code, title, detail| ProblemText::new(StatusCode::FORBIDDEN, code, title, detail);
        let refused = |code, title, detail: &str| {
            ProblemText::new(StatusCode::UNAUTHORIZED, code, title, detail)
                .authenticate("Bearer realm=\"tributary\", error=\"invalid_token\"".to_owned())
        };
        match self {
            Self::NoKey => ProblemText::new(
                StatusCode::UNAUTHORIZED,
                "no_key",
                "A key is needed",
                "Send Authorization: Bearer trib_…, or X-Api-Key. `tributary keys create` makes a key.",
            )
            .authenticate("Bearer realm=\"tributary\"".to_owned()),
            Self::UnusableKey => refused("unusable_key", "The key is not usable", "It is mistyped, or unknown here."),
            Self::OtherEnvironment => {
                refused("unusable_key", "The key is not usable", "It is a key of another environment.")
            }
            Self::EndedKey { state } => refused("key_ended", "The key has ended", &format!("It is {state}.")),
            Self::EndedSession => refused("session_ended", "The session has ended", "Sign in again."),
            Self::MissingScope { scopes } => missing_scope(scopes),
            Self::NoSourceLeft => forbidden(
                "sources_limited",
                "The key is limited to sources that no longer exist",
                "Make another key with `tributary keys create`.",
            ),
            Self::NotLimited => forbidden(
                "sources_limited",
                "The key is limited to some sources",
                "This request concerns all sources; it needs a key without that limit.",
            ),
            Self::BeyondOwn { scope } => ProblemText::new(
                StatusCode::FORBIDDEN,
                "beyond_own_scopes",
                "The key may not give what it does not have",
                format!("It does not have the scope `{scope}` itself."),
            ),
            Self::NoKeysHere => forbidden(
                "keys_not_in_use",
                "Keys are managed with a key",
                "This service answers without keys (server.auth = \"open\"); use `tributary keys`.",
            ),
            Self::WrongHost => ProblemText::new(
                StatusCode::MISDIRECTED_REQUEST,
                "unknown_host",
                "The host is not one of this service",
                "Add the name by which clients reach it to server.public_hosts.",
            ),
            Self::OverBudget(over) => over_budget(over.retry_after_seconds, over.rest.is_some()),
        }
    }
}

fn missing_scope(scopes: &[Scope]) -> ProblemText {
    let names: Vec<&str> = scopes.iter().map(|scope| scope.as_str()).collect();
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    let detail = format!("The key needs the scope {}.", quoted.join(" or "));
    ProblemText::new(StatusCode::FORBIDDEN, "missing_scope", "The key lacks the scope", detail).authenticate(format!(
        "Bearer realm=\"tributary\", error=\"insufficient_scope\", scope=\"{}\"",
        names.join(" ")
    ))
}

fn over_budget(retry_after_seconds: u32, is_of_requests: bool) -> ProblemText {
    let (title, detail) = if is_of_requests {
        ("The budget is spent", "Metric queries cost more than other requests; see RateLimit-Policy.")
    } else {
        ("Too many queries at the same time", "Other queries of this key are still running.")
    };
    ProblemText::new(StatusCode::TOO_MANY_REQUESTS, "over_budget", title, detail).retry_after(retry_after_seconds)
}
