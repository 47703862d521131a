//! What can go wrong with a provider, and the one table that says what it means.
//!
//! A connector names the kind; nobody else looks at a status code. The table is exhaustive: a new kind
//! does not compile until somebody has decided what to do and what to tell the operator.

use chrono::{DateTime, Utc};

/// Kinds of failure. Few on purpose: one for each thing that can be done about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PullErrorKind {
    /// The network, a time-out, or a 5xx: likely gone in a moment.
    Transient,
    /// As transient, and the provider has not seen the request: no connection.
    Unreached,
    /// This machine had no socket, port or memory left for the call.
    OwnResources,
    /// Our own database failed within the call, before the provider was asked.
    Database,
    /// The provider asked for patience until this instant.
    RateLimited {
        /// No call before this.
        until: DateTime<Utc>,
    },
    /// The credential was refused.
    Auth,
    /// The provider does not know what was asked for.
    NotFound,
    /// The provider calls our request wrong, or answers with a redirect: settings need a person.
    Config,
    /// The answer is not what the provider's contract says: HTML, cut JSON, a missing list, an error
    /// object with status 200.
    Contract,
    /// A file ends before its content does, or its parts do not fit together.
    FileCut,
    /// A page about a failure came in place of a file, with a status of success.
    ErrorPage,
    /// As a broken contract: a page after the first holds `null` and no list, by which some providers end a list.
    NoList,
    /// The decoded answer is larger than allowed.
    TooLarge,
}

/// A failed call. The text names the call and never holds a credential or a record.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{call}: {detail}")]
pub struct PullError {
    /// What to do about it.
    pub kind: PullErrorKind,
    /// Which call failed: `GET /v1/streaming/sessions`.
    pub call: String,
    /// What happened, for people.
    pub detail: String,
    /// The status, where there was an answer.
    pub http_status: Option<u16>,
}

/// What a failure makes a run do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Try the same call again, a few times, with growing waits.
    Retry,
    /// Leave the stream alone until the provider's instant.
    WaitUntil,
    /// End the run; the next tick is the retry.
    Stop,
    /// Leave this one record out and go on.
    SkipRecord,
}

/// A line of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// Name of the kind in the database, in health and in metrics.
    pub class: &'static str,
    /// What the run does.
    pub action: Action,
    /// The failure may lie in the one answer that was asked for: others of this provider are worth asking.
    pub may_be_local: bool,
    /// What the operator can do, one sentence.
    pub advice: &'static str,
}

impl PullErrorKind {
    /// The table: kind → what to do, and what to say.
    pub fn policy(&self) -> Policy {
        match self {
            Self::Transient | Self::Unreached => Policy {
                class: "transient",
                action: Action::Retry,
                may_be_local: true,
                advice: "The provider or the network failed; it is tried again by itself. If it lasts, look at the provider's status page.",
            },
            Self::OwnResources => Policy {
                class: "own_resources",
                action: Action::Retry,
                may_be_local: true,
                advice: "This machine ran out of sockets, ports or memory, and the provider was not asked; the call is tried again by itself. Raise the limit of open files (ulimit -n) or of memory, or stop what else uses them.",
            },
            Self::Database => Policy {
                class: "database",
                action: Action::Retry,
                may_be_local: false,
                advice: "Look at Postgres: disk, connections, locks, its extensions and its log. The provider is not at fault, and the next run goes on from the last saved page.",
            },
            Self::RateLimited { .. } => Policy {
                class: "rate_limited",
                action: Action::WaitUntil,
                may_be_local: false,
                advice: "The provider's call budget is used up; polling goes on by itself. Lower requests_per_minute or quota_share if it happens often.",
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
                advice: "The provider does not know this address; check base_url, account_id and app_id of the source.",
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
                advice: "The answer does not have the documented form; nothing was skipped and the position did not move. If it lasts, the provider changed its API.",
            },
            Self::FileCut => Policy {
                class: "file_cut",
                action: Action::Stop,
                may_be_local: true,
                advice: "The file ended too early; nothing of it is kept, and it is asked for again by itself. If it lasts, open the file at the provider.",
            },
            Self::ErrorPage => Policy {
                class: "error_page",
                action: Action::Stop,
                may_be_local: true,
                advice: "A gateway or file host sent an error page in place of the file; it is asked for again by itself. If it lasts, look at the provider's status page.",
            },
            Self::TooLarge => Policy {
                class: "too_large",
                action: Action::Stop,
                may_be_local: true,
                advice: "The answer is larger than max_body_bytes, or the file than max_file_bytes; lower page_size of the source, or raise the cap.",
            },
        }
    }

    /// Whether the provider may have been asked: what fails before that is not counted against it.
    pub fn is_of_provider(&self) -> bool {
        !matches!(self, Self::Unreached | Self::OwnResources | Self::Database)
    }

    /// The policy of a class read back from the database.
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
    /// An answer that breaks the provider's contract.
    pub fn contract(call: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { kind: PullErrorKind::Contract, call: call.into(), detail: detail.into(), http_status: None }
    }

    /// Whether the provider may say by this that a list has no such page.
    pub fn refuses_page(&self) -> bool {
        self.kind == PullErrorKind::NoList || matches!(self.http_status, Some(400 | 404 | 410 | 416 | 422))
    }

    /// The instant until which nothing may be called, if this error says one.
    pub fn retry_at(&self) -> Option<DateTime<Utc>> {
        match self.kind {
            PullErrorKind::RateLimited { until } => Some(until),
            _ => None,
        }
    }
}
