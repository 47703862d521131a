//! Failures of calls to a provider, and the one table of their consequences.
//!
//! Only connectors look at status codes; they name the kind of failure. The table is exhaustive: a new kind does
//! not compile until it has an action and an advice for the operator.

use chrono::{DateTime, Utc};

/// Kinds of failure: one for each possible reaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PullErrorKind {
    /// A network error, a time-out or a 5xx, which is likely to pass soon.
    Transient,
    /// Like [`Self::Transient`], but without a connection, so the provider has not seen the request.
    Unreached,
    /// This machine had no socket, port or memory left for the call.
    OwnResources,
    /// Our own database failed within the call, before the request was sent.
    Database,
    /// The provider allows no calls until this instant.
    RateLimited {
        /// Earliest instant of the next call.
        until: DateTime<Utc>,
    },
    /// The credential was refused.
    Auth,
    /// The provider does not know the requested object.
    NotFound,
    /// The provider calls our request invalid or answers with a redirect: a person must correct the settings.
    Config,
    /// The answer breaks the provider's contract: HTML, truncated JSON, a missing list, or an error object with
    /// status 200.
    Contract,
    /// A file ends before its content does, or its parts contradict each other.
    FileCut,
    /// A page about a failure instead of a file, with a status of success.
    ErrorPage,
    /// A page after the first with `null` instead of a list, which is how some providers end a list. Handled like
    /// [`Self::Contract`].
    NoList,
    /// The decoded answer exceeds its size limit.
    TooLarge,
}

/// A failed call. The text names the call and never contains a credential or a record.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{call}: {detail}")]
pub struct PullError {
    /// The kind, which decides the reaction.
    pub kind: PullErrorKind,
    /// The failed call, such as `GET /v1/streaming/sessions`.
    pub call: String,
    /// Description for people.
    pub detail: String,
    /// The HTTP status, where there was an answer.
    pub http_status: Option<u16>,
}

/// Reaction of a run to a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Retry the same call a few times with growing waits.
    Retry,
    /// Make no call for the stream until the instant the provider states.
    WaitUntil,
    /// End the run; the next scheduled run is the retry.
    Stop,
    /// Skip this record and continue.
    SkipRecord,
}

/// A row of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// Name of the kind in the database, in health and in metrics.
    pub class: &'static str,
    /// Reaction of the run.
    pub action: Action,
    /// Whether the failure may concern this one answer only, so that other calls to the provider are worth making.
    pub may_be_local: bool,
    /// Advice for the operator, in one sentence.
    pub advice: &'static str,
}

impl PullErrorKind {
    /// Returns the reaction and the advice for this kind.
    pub fn policy(&self) -> Policy {
        match self {
            Self::Transient | Self::Unreached => Policy {
                class: "transient",
                action: Action::Retry,
                may_be_local: true,
                advice: "The provider or the network failed; polling retries the call. If this persists, look at the provider's status page.",
            },
            Self::OwnResources => Policy {
                class: "own_resources",
                action: Action::Retry,
                may_be_local: true,
                advice: "This machine ran out of sockets, ports or memory, and the provider was not called; polling retries the call. Raise the limit of open files (ulimit -n) or of memory, or stop other processes that use them.",
            },
            Self::Database => Policy {
                class: "database",
                action: Action::Retry,
                may_be_local: false,
                advice: "Look at Postgres: disk, connections, locks, its extensions and its log. The provider is not at fault, and the next run continues from the last saved page.",
            },
            Self::RateLimited { .. } => Policy {
                class: "rate_limited",
                action: Action::WaitUntil,
                may_be_local: false,
                advice: "The provider's call budget is used up; polling continues automatically. Lower requests_per_minute or quota_share if this happens often.",
            },
            Self::Auth => Policy {
                class: "auth_failed",
                action: Action::Stop,
                may_be_local: false,
                advice: "The provider refused the credential; check the source's api_key_env or api_key_file, then run `tributary check`.",
            },
            Self::NotFound => Policy {
                class: "not_found",
                action: Action::SkipRecord,
                may_be_local: false,
                advice: "The provider does not have this. If it is a list, check base_url, account_id and app_id of the source; content of a session may never have been made, and a second answer a day later settles that.",
            },
            Self::Config => Policy {
                class: "config_error",
                action: Action::Stop,
                may_be_local: false,
                advice: "The provider refused the request itself; check base_url, page_size, account_id and app_id of the source.",
            },
            Self::Contract | Self::NoList => Policy {
                class: "contract_error",
                action: Action::Stop,
                may_be_local: true,
                advice: "The response does not have the documented form; nothing was skipped and the position did not move. If this persists, the provider changed its API.",
            },
            Self::FileCut => Policy {
                class: "file_cut",
                action: Action::Stop,
                may_be_local: true,
                advice: "The file ended too early; none of it is stored, and it is fetched again automatically. If this persists, open the file at the provider.",
            },
            Self::ErrorPage => Policy {
                class: "error_page",
                action: Action::Stop,
                may_be_local: true,
                advice: "A gateway or file host sent an error page instead of the file; the file is fetched again automatically. If this persists, look at the provider's status page.",
            },
            Self::TooLarge => Policy {
                class: "too_large",
                action: Action::Stop,
                may_be_local: true,
                advice: "The response is larger than max_body_bytes, or the file than max_file_bytes; lower page_size of the source, or raise the limit.",
            },
        }
    }

    /// Whether the request may have reached the provider. Failures before that do not count against the provider.
    pub fn is_of_provider(&self) -> bool {
        !matches!(self, Self::Unreached | Self::OwnResources | Self::Database)
    }

    /// Returns the advice for a class read back from the database.
    pub fn advice_for(class: &str) -> Option<&'static str> {
        let until = DateTime::UNIX_EPOCH;
        [
            Self::Transient,
            Self::OwnResources,
            Self::Database,
            Self::RateLimited { until },
            Self::Auth,
            Self::NotFound,
            Self::Config,
            Self::Contract,
            Self::FileCut,
            Self::ErrorPage,
            Self::TooLarge,
        ]
        .into_iter()
        .map(|kind| kind.policy())
        .find(|policy| policy.class == class)
        .map(|policy| policy.advice)
    }
}

impl PullError {
    /// Creates an error for an answer that breaks the provider's contract.
    pub fn contract(call: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { kind: PullErrorKind::Contract, call: call.into(), detail: detail.into(), http_status: None }
    }

    /// Whether the provider may say by this error that a list has no such page.
    pub fn refuses_page(&self) -> bool {
        self.kind == PullErrorKind::NoList || matches!(self.http_status, Some(400 | 404 | 410 | 416 | 422))
    }

    /// Returns the instant before which no call may be made, if this error states one.
    pub fn retry_at(&self) -> Option<DateTime<Utc>> {
        match self.kind {
            PullErrorKind::RateLimited { until } => Some(until),
            _ => None,
        }
    }
}
