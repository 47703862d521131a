//! Problem responses. Only this module turns an error into a status.
//!
//! An error has two messages: one for the caller, with advice, and one for the log, with the cause. SQL,
//! addresses and causes never leave the process. On the wire it is RFC 9457 (`application/problem+json`) with
//! three more members: `code` for programs, `errors` with every fault of the request at once, and `instance`,
//! the id of the request in the log. The texts for calls that start something are in [`action`]. A handler
//! returns [`ApiError`]; [`crate::api::request_id`] adds the id, and writes the body and the log.

mod access;
mod action;
mod hook;
mod text;

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

pub use self::access::AccessProblem;
pub use self::action::ActionProblem;
pub use self::hook::HookProblem;

pub(crate) use self::text::TOO_EXPENSIVE;

use self::text::ProblemText;

use crate::query::ReadError;
use crate::store::StoreError;

/// Media type of a problem.
pub const PROBLEM_JSON: &str = "application/problem+json";

/// A problem (RFC 9457): the reason why a request failed.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Problem {
    /// Kind of problem; stable.
    #[serde(rename = "type")]
    pub problem_type: String,
    /// Kind of problem, in words.
    pub title: &'static str,
    /// The HTTP status.
    pub status: u16,
    /// Description of this occurrence, with advice.
    pub detail: String,
    /// Kind of problem, for programs.
    pub code: &'static str,
    /// Id of the request; the log has it too.
    pub instance: String,
    /// All faults of the request.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<Fault>,
}

/// One fault of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Fault {
    /// Parameter or header; absent where the fault is in the body.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub parameter: String,
    /// Place in the body: a JSON pointer (RFC 6901).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pointer: Option<String>,
    /// Kind of fault, for programs.
    pub code: &'static str,
    /// Description of the fault.
    pub detail: String,
    /// Allowed values.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub allowed: Vec<String>,
    /// Nearest allowed values.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub did_you_mean: Vec<String>,
}

/// The reason why a request failed.
#[derive(Debug)]
pub enum ApiError {
    /// The query has faults.
    Invalid(Vec<Fault>),
    /// The body has faults.
    InvalidBody(Vec<Fault>),
    /// The caller was refused.
    Access(AccessProblem),
    /// A call that starts something was not made, or failed.
    Action(ActionProblem),
    /// A webhook was refused.
    Hook(HookProblem),
    /// The database could not be written.
    Write(StoreError),
    /// The item does not exist; names it.
    NotFound(String),
    /// The path does not exist.
    NoSuchPath,
    /// The path does not support this method.
    MethodNotAllowed,
    /// None of the available forms is accepted; lists them.
    NotAcceptable(String),
    /// The data could not be read.
    Read(ReadError),
    /// The process cannot serve; states the reason.
    NotReady(&'static str),
    /// Streams are failing; names them.
    StreamsFailing(String),
    /// Streams are further behind than the caller allows; names them.
    NotFresh(String),
    /// A handler panicked.
    Panicked(String),
    /// The computation that several requests shared failed.
    Shared(Arc<ApiError>),
}

impl From<ReadError> for ApiError {
    fn from(error: ReadError) -> Self {
        Self::Read(error)
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        Self::Write(error)
    }
}

impl From<AccessProblem> for ApiError {
    fn from(problem: AccessProblem) -> Self {
        Self::Access(problem)
    }
}

impl From<ActionProblem> for ApiError {
    fn from(problem: ActionProblem) -> Self {
        Self::Action(problem)
    }
}

impl From<HookProblem> for ApiError {
    fn from(problem: HookProblem) -> Self {
        Self::Hook(problem)
    }
}

impl ApiError {
    /// Returns the kind of problem, for programs.
    pub(crate) fn code(&self) -> &'static str {
        self.text().code
    }

    /// Returns the problem of one of several questions, and writes the log.
    pub(crate) fn of_part(self, request_id: &str) -> Problem {
        let text = self.text();
        if let Some(log) = &text.log {
            tracing::error!(request_id, code = text.code, "{log}");
        }
        Problem { instance: request_id.to_owned(), ..self.problem(text) }
    }

    fn problem(self, text: ProblemText) -> Problem {
        Problem {
            problem_type: format!("urn:tributary:problem:{}", text.code),
            title: text.title,
            status: text.status.as_u16(),
            detail: text.detail,
            code: text.code,
            instance: String::new(),
            errors: if let Self::Invalid(faults) | Self::InvalidBody(faults) = self { faults } else { Vec::new() },
        }
    }

    fn text(&self) -> ProblemText {
        match self {
            Self::Invalid(faults) => faults_text(faults, "invalid_query", "The request is invalid"),
            Self::InvalidBody(faults) => faults_text(faults, "invalid_body", "The body is invalid"),
            Self::Access(problem) => problem.text(),
            Self::Action(problem) => problem.text(),
            Self::Hook(problem) => problem.text(),
            Self::Write(error) => ProblemText::of_writing(error),
            Self::NotFound(what) => ProblemText::new(StatusCode::NOT_FOUND, "not_found", "Not found", what.clone()),
            Self::NoSuchPath => ProblemText::new(
                StatusCode::NOT_FOUND,
                "no_such_path",
                "The path does not exist",
                "See /docs for the available paths.",
            ),
            Self::MethodNotAllowed => ProblemText::new(
                StatusCode::METHOD_NOT_ALLOWED,
                "method_not_allowed",
                "The path does not support this method",
                "See the Allow header, and /docs for the methods of each path.",
            ),
            Self::NotAcceptable(forms) => ProblemText::new(
                StatusCode::NOT_ACCEPTABLE,
                "not_acceptable",
                "None of the available forms is accepted",
                format!("The Accept header accepts none of the available forms: {forms}."),
            ),
            Self::Read(error) => ProblemText::of_reading(error),
            Self::NotReady(why) => {
                ProblemText::new(StatusCode::SERVICE_UNAVAILABLE, "not_ready", "The service is not ready", *why)
                    .retry_after(5)
            }
            Self::StreamsFailing(which) => ProblemText::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "streams_failing",
                "Streams are failing",
                which.clone(),
            ),
            Self::NotFresh(which) => ProblemText::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "not_fresh_enough",
                "The data is older than `require_fresh` allows",
                format!("{which}. Retry after the next poll, or omit `require_fresh`."),
            )
            .retry_after(60),
            Self::Shared(error) => error.text(),
            Self::Panicked(message) => ProblemText::internal().log(format!("a handler panicked: {message}")),
        }
    }
}

fn faults_text(faults: &[Fault], code: &'static str, title: &'static str) -> ProblemText {
    let details: Vec<&str> = faults.iter().map(|fault| fault.detail.as_str()).collect();
    ProblemText::new(StatusCode::UNPROCESSABLE_ENTITY, code, title, details.join(" "))
}

/// A problem response, before it has the id of its request.
#[derive(Debug, Clone)]
pub(crate) struct Reported {
    problem: Problem,
    log: Option<String>,
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let text = self.text();
        let mut response = Response::new(Body::empty());
        *response.status_mut() = text.status;
        if let Some(seconds) = text.retry_after_seconds {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if let Some(challenge) = text.authenticate.as_deref().and_then(|it| HeaderValue::from_str(it).ok()) {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        }
        let log = text.log.clone();
        response.extensions_mut().insert(Reported { problem: self.problem(text), log });
        response
    }
}

impl Reported {
    /// Returns the kind of problem.
    pub(crate) fn code(&self) -> &'static str {
        self.problem.code
    }

    /// Returns the problem with the id of its request, and writes the log.
    pub(crate) fn problem(self, request_id: &str) -> Problem {
        if let Some(log) = &self.log {
            tracing::error!(request_id, code = self.problem.code, "{log}");
        }
        Problem { instance: request_id.to_owned(), ..self.problem }
    }

    /// Writes the log, and the body of a response that already has its status and headers.
    pub(crate) fn finish(self, request_id: &str, response: &mut Response) {
        let body = Json(self.problem(request_id)).into_response();
        *response.body_mut() = body.into_body();
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
        response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
}
